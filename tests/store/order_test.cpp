// The order of snapshots under clocks that are wrong: what is newest, what goes, and what stays.
#include "store/order.hpp"

#include <random>
#include <set>

#include "core/as_owner.hpp"
#include "core/file.hpp"
#include "store/retention.hpp"
#include "tests/catch.hpp"
#include "tests/store/shelf.hpp"

using namespace std::chrono_literals;
using shelf::hour;
using shelf::Shelf;

namespace {

using Names = std::vector<std::string>;

store::RetentionRules last(std::size_t count) {
  store::RetentionRules rules;
  rules.last = count;
  return rules;
}

}  // namespace

TEST_CASE_METHOD(Shelf, "after a clock that was wrong the next pull is the latest, and stays") {
  for (int h = 0; h < 3; ++h) capture(hour(h), shelf::database_at(h));
  capture("20300101T000000Z", shelf::database_at(3));
  capture("20300101T010000Z", shelf::database_at(4));
  const std::string right = capture(hour(5), shelf::database_at(5)).manifest.name;
  CHECK(names() == Names{hour(0), hour(1), hour(2), "20300101T000000Z", "20300101T010000Z", right});
  CHECK(store.find("edge/latest").manifest.name == right);
  store.apply_retention("edge", last(3), right);  // and what the latest is made from
  CHECK(names() == Names{hour(0), "20300101T000000Z", "20300101T010000Z", right});
  CHECK(extract(right) == shelf::database_at(5));
}

TEST_CASE_METHOD(Shelf, "a clock that was put back on its day still packs against that day, and all comes back") {
  for (int h : {0, 12, 13, 4, 5, 20}) capture(hour(h), shelf::database_at(h));
  CHECK(names() == Names{hour(0), hour(12), hour(13), hour(4), hour(5), hour(20)});
  for (int h : {0, 12, 13, 4, 5, 20}) {
    CHECK(lost(hour(h)).empty());
    CHECK(extract(hour(h)) == shelf::database_at(h));
  }
}

TEST_CASE_METHOD(Shelf, "a base that a clock dates later than what needs it takes that along, lost or unreadable") {
  for (int h : {12, 4}) capture(hour(h), shelf::database_at(h));
  REQUIRE(store.find("edge/" + hour(4)).manifest.database.base == hour(12));
  const std::filesystem::path manifest = root / "edge" / hour(12) / "manifest.json";
  const std::string text = core::read_file(manifest);
  std::filesystem::resize_file(manifest, 5);
  CHECK_THAT(lost(hour(4)), Catch::Contains("it needs edge/" + hour(12) + ": manifest.json"));
  std::filesystem::remove(manifest);
  core::write_new_file(manifest, text);
  CHECK(lost(hour(4)).empty());
}

TEST_CASE_METHOD(Shelf, "what is imported stands where its time puts it, and before one that is dated too late") {
  capture(hour(4), shelf::database_at(4));
  capture("20300101T000000Z", shelf::database_at(5));
  capture(hour(6), shelf::database_at(6));
  add(hour(5), shelf::database_at(0));
  add(hour(1), shelf::database_at(1));
  add(hour(8), shelf::database_at(8));
  CHECK(names() == Names{hour(1), hour(4), hour(5), hour(8), "20300101T000000Z", hour(6)});
  capture(hour(7), shelf::database_at(7));
  CHECK(store.find("edge/latest").manifest.name == hour(7));
  for (int h : {1, 4, 6, 7, 8}) CHECK(extract(hour(h)) == shelf::database_at(h));
}

TEST_CASE_METHOD(Shelf,
                 "in a store of before there was an order, and for a manifest that cannot be read, names tell it") {
  add_day(0, 2);
  CHECK(names() == Names{hour(0), hour(1), hour(2)});
  capture(hour(3), shelf::database_at(3));
  capture(hour(4), shelf::database_at(4));
  std::filesystem::resize_file(root / "edge" / hour(3) / "manifest.json", 10);
  CHECK(names() == Names{hour(0), hour(1), hour(2), hour(3), hour(4)});
  CHECK(store.list("edge")[3].damage);
}

TEST_CASE_METHOD(Shelf,
                 "a newest whose manifest is damaged stays the newest, whatever a wrong clock has dated before it") {
  for (const std::string& name : {hour(0), hour(1), std::string("20990101T000000Z"), hour(2)})
    capture(name, shelf::database_at(0));
  std::filesystem::resize_file(root / "edge" / hour(2) / "manifest.json", 5);
  CHECK(names().back() == hour(2));
  for (const store::RetentionDecision& decision : store.plan_retention("edge", last(1)))
    if (decision.name == hour(2)) CHECK(decision.action == store::Retention::keep);
  capture(hour(3), shelf::database_at(1));
  CHECK(names().back() == hour(3));
}

TEST_CASE_METHOD(Shelf, "a sequence that no store comes to is damage, and the largest leaves room for pulls") {
  capture(hour(0), shelf::database_at(0));
  const auto rewrite = [&](const std::string& sequence) {
    const std::filesystem::path manifest = root / "edge" / hour(0) / "manifest.json";
    std::string text = core::read_file(manifest);
    const std::size_t at = text.find("\"sequence\": ") + 12;
    text.replace(at, text.find(',', at) - at, sequence);
    std::filesystem::remove(manifest);
    core::write_new_file(manifest, text);
  };
  for (const std::string sequence : {"18446744073709551615", "9007199254740993", "-1", "1.5", "\"1\"", "null"}) {
    rewrite(sequence);
    INFO(sequence);
    CHECK(store.list("edge").front().damage);
  }
  rewrite("9007199254740992");
  for (int h = 1; h < 4; ++h) {
    const std::string name = capture(hour(h), shelf::database_at(h)).manifest.name;
    store.apply_retention("edge", last(1), name);
    CHECK(store.find("edge/latest").manifest.name == name);
  }
}

TEST_CASE_METHOD(
    Shelf, "whatever the clock does, what was just captured is the latest and stays, and the rule keeps its number") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto dice = [&](int sides) { return static_cast<int>(random() % static_cast<unsigned>(sides)); };
  core::UtcTime clock = *core::parse_compact(hour(0));
  std::set<std::string> used;
  for (int pull = 0; pull < 60; ++pull) {
    clock += 60min;
    if (dice(4) == 0) clock += std::chrono::hours(dice(200) - 100);
    if (dice(12) == 0) clock += std::chrono::hours(24 * 365 * (dice(9) - 4));
    while (!used.insert(core::format_compact(clock)).second) clock += 1s;
    const std::string name = capture(core::format_compact(clock), shelf::database_at(pull % 20)).manifest.name;
    store::RetentionRules rules = last(5);
    if (dice(2) == 0) rules.for_duration = std::chrono::hours(dice(48));
    if (dice(2) == 0) rules.daily = 3;
    const std::size_t before = names().size();
    store.apply_retention("edge", rules, name);
    REQUIRE(store.find("edge/latest").manifest.name == name);
    REQUIRE(names().size() >= std::min<std::size_t>(before, 5));
    for (const store::Snapshot& snapshot : store.list("edge")) REQUIRE_FALSE(snapshot.lost);
    REQUIRE(extract(name) == shelf::database_at(pull % 20));
  }
}

TEST_CASE_METHOD(Shelf,
                 "what is kept for its age is not thrown away by a newest that a wrong clock has dated too late") {
  for (int h = 0; h < 3; ++h) capture(hour(h), shelf::database_at(h));
  capture("20990101T000000Z", shelf::database_at(3));
  store::RetentionRules rules;
  rules.for_duration = 24h;
  const auto kept = [&](const std::string& now) {
    std::size_t count = 0;
    for (const auto& decision : store::decide_retention(store.list("edge"), rules, *core::parse_compact(now)))
      count += decision.action == store::Retention::keep ? 1U : 0U;
    return count;
  };
  CHECK(kept(hour(4)) == 4);
  CHECK(kept("20261103T000000Z") == 1);
}

TEST_CASE_METHOD(Shelf, "a store from the future is said") {
  capture(hour(0), shelf::database_at(0));
  const core::UtcTime now = *core::parse_compact(hour(1));
  CHECK_FALSE(store::from_the_future(store.list("edge"), now));
  capture(hour(3), shelf::database_at(1));
  CHECK_THAT(*store::from_the_future(store.list("edge"), now),
             Catch::Contains("edge/" + hour(3) + " is dated later than this machine's clock"));
  capture(hour(4), shelf::database_at(1));
  CHECK_THAT(*store::from_the_future(store.list("edge"), now), Catch::Contains("2 snapshots are dated later"));
}
