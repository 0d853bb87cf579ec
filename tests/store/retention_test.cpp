// Retention as values in, values out, and its being carried out.
#include "store/retention.hpp"

#include <fmt/format.h>

#include <map>

#include "tests/catch.hpp"
#include "tests/store/shelf.hpp"

using namespace std::chrono_literals;
using shelf::hour;
using shelf::Shelf;

namespace {

store::Snapshot snapshot(const std::string& name, const std::string& base = {}) {
  store::Snapshot made;
  made.manifest.cluster = "edge";
  made.manifest.name = name;
  made.manifest.taken_at = *core::parse_compact(name);
  made.manifest.database.base = base;
  return made;
}

// One snapshot every `step` from `first` on.
std::vector<store::Snapshot> series(const std::string& first, std::chrono::minutes step, int count) {
  std::vector<store::Snapshot> made;
  for (int i = 0; i < count; ++i)
    made.push_back(snapshot(core::format_compact(*core::parse_compact(first) + step * i)));
  return made;
}

// What is kept, and why.
std::map<std::string, std::string> kept(const std::vector<store::Snapshot>& snapshots,
                                        const store::RetentionRules& rules) {
  std::map<std::string, std::string> result;
  for (const store::RetentionDecision& decision :
       store::decide_retention(snapshots, rules, *core::parse_compact("20990101T000000Z")))
    if (decision.action == store::Retention::keep)
      result[decision.name] = fmt::format("{}", fmt::join(decision.reasons, ", "));
  return result;
}

using Kept = std::map<std::string, std::string>;

}  // namespace

TEST_CASE("without a rule the last 720 are kept") {
  const auto all = kept(series("20261001T001700Z", 60min, 800), {});
  CHECK(all.size() == 720);
  CHECK(all.begin()->first == "20261004T081700Z");
  CHECK(kept({}, {}).empty());
}

TEST_CASE("hourly, daily, weekly and monthly keep the newest of each period that has one, and add up") {
  store::RetentionRules rules;
  rules.hourly = 2;
  CHECK(kept(series("20261101T000000Z", 20min, 6), rules) ==
        Kept{{"20261101T004000Z", "hourly"}, {"20261101T014000Z", "hourly, newest"}});
  rules.hourly.reset();
  rules.daily = 2;
  CHECK(kept({snapshot("20261020T120000Z"), snapshot("20261101T001700Z"), snapshot("20261101T231700Z"),
              snapshot("20261105T120000Z")},
             rules) == Kept{{"20261101T231700Z", "daily"}, {"20261105T120000Z", "daily, newest"}});
  rules.daily.reset();
  rules.weekly = 2;  // 2026-11-01 is a Sunday
  CHECK(kept({snapshot("20261025T235959Z"), snapshot("20261026T000000Z"), snapshot("20261101T235959Z"),
              snapshot("20261102T000000Z")},
             rules) == Kept{{"20261101T235959Z", "weekly"}, {"20261102T000000Z", "weekly, newest"}});
  rules.monthly = 3;
  CHECK(kept({snapshot("20251231T235959Z"), snapshot("20260131T000000Z"), snapshot("20261101T000000Z"),
              snapshot("20261130T000000Z")},
             rules) == Kept{{"20251231T235959Z", "monthly"},
                            {"20260131T000000Z", "monthly"},
                            {"20261101T000000Z", "weekly"},
                            {"20261130T000000Z", "weekly, monthly, newest"}});
}

TEST_CASE("keep_for counts from the newest snapshot, not from now") {
  store::RetentionRules rules;
  rules.for_duration = 2h;
  CHECK(kept(series("20201101T001700Z", 60min, 5), rules) ==
        Kept{{"20201101T031700Z", "young"}, {"20201101T041700Z", "young, newest"}});
}

TEST_CASE("the newest, the newest verified and the newest proven stay whatever the rules say") {
  auto snapshots = series("20261101T001700Z", 60min, 5);
  snapshots[0].drilled = store::Proof{"pass", {}};
  snapshots[1].verified = store::Proof{"pass", {}};
  snapshots[2].verified = store::Proof{"fail", {}};
  snapshots[3].drilled = store::Proof{"inconclusive", {}};
  store::RetentionRules rules;
  rules.last = 0;
  CHECK(kept(snapshots, rules) == Kept{{"20261101T001700Z", "newest proven"},
                                       {"20261101T011700Z", "newest verified"},
                                       {"20261101T041700Z", "newest"}});
}

TEST_CASE("what a kept snapshot is made from stays, and says for which") {
  store::RetentionRules rules;
  rules.last = 2;
  const std::vector<store::Snapshot> snapshots{snapshot(hour(0)), snapshot(hour(1), hour(0)),
                                               snapshot(hour(2), hour(1)), snapshot(hour(3), hour(1)),
                                               snapshot(hour(4), hour(1))};
  CHECK(kept(snapshots, rules) == Kept{{hour(0), "keyframe of " + hour(4) + " and 1 more"},
                                       {hour(1), "base of " + hour(4) + " and 1 more"},
                                       {hour(3), "last"},
                                       {hour(4), "last, newest"}});
}

TEST_CASE("a lost snapshot takes no place, goes no sooner than whole, and nothing is kept for its sake") {
  std::vector<store::Snapshot> snapshots{snapshot(hour(0)), snapshot(hour(1)), snapshot(hour(2), hour(0)),
                                         snapshot(hour(3)), snapshot(hour(4))};
  snapshots[2].lost = "state.db.patch.zst is missing";
  snapshots[2].drilled = store::Proof{"pass", {}};
  store::RetentionRules rules;
  rules.last = 3;
  CHECK(kept(snapshots, rules) ==
        Kept{{hour(1), "last"}, {hour(2), "lost, last"}, {hour(3), "last"}, {hour(4), "last, newest"}});
  rules.last = 2;
  CHECK(kept(snapshots, rules) == Kept{{hour(3), "last"}, {hour(4), "last, newest"}});
  snapshots[4].lost = "state.db.zst is missing";
  rules.last = 1;
  CHECK(kept(snapshots, rules) == Kept{{hour(3), "last, newest"}, {hour(4), "lost, last"}});
  rules.last = 0;
  CHECK(kept(snapshots, rules) == Kept{{hour(3), "newest"}, {hour(4), "lost, newest"}});
}

TEST_CASE("a base that is lost for its token alone stays for what is made from its database") {
  std::vector<store::Snapshot> snapshots{snapshot(hour(0)), snapshot(hour(1), hour(0))};
  snapshots[0].lost = "token is missing";
  store::RetentionRules rules;
  rules.last = 1;
  CHECK(kept(snapshots, rules).count(hour(0)) == 1);
}

TEST_CASE_METHOD(Shelf, "after pruning every snapshot that is left comes back") {
  add_day(0, 12);
  store::RetentionRules rules;
  rules.last = 2;
  rules.daily = 3;
  const store::ClusterLock lock = store.lock("edge");
  store.apply_retention("edge", rules);
  CHECK(names().size() < 8);
  for (const store::Snapshot& left : store.list("edge")) {
    CHECK_FALSE(left.lost);
    CHECK_NOTHROW(extract(left.manifest.name));
  }
}
