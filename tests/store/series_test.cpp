// Whose snapshots a series holds: what is of another cluster is kept beside it, and never stands for it.
#include <fmt/format.h>

#include <fstream>

#include "core/file.hpp"
#include "store/manifest.hpp"
#include "store/retention.hpp"
#include "tests/catch.hpp"
#include "tests/store/shelf.hpp"

using shelf::hour;
using shelf::Shelf;

namespace {

const core::ClusterIdentity kOurs{"uid-ours", "ca-ours"};
const core::ClusterIdentity kOther{"uid-other", "ca-other"};
const core::ClusterIdentity kThird{"uid-third", "ca-third"};

std::vector<std::string> beside(const Shelf& shelf) {
  std::vector<std::string> names;
  for (const store::Snapshot& snapshot : shelf.store.list("edge"))
    if (snapshot.of_another_cluster) names.push_back(snapshot.manifest.name);
  return names;
}

std::vector<std::string> removed(Shelf& shelf, const store::RetentionRules& rules) {
  std::vector<std::string> names;
  for (const store::RetentionDecision& decision : shelf.store.plan_retention("edge", rules))
    if (decision.action == store::Retention::remove) names.push_back(decision.name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(Shelf, "the first snapshot that tells its cluster makes the series its own") {
  CHECK_FALSE(store.series("edge"));
  add(hour(0), "a");
  CHECK_FALSE(store.series("edge"));  // it does not say
  CHECK_FALSE(add(hour(1), "b", kOurs).of_another_cluster);
  CHECK(store.series("edge") == kOurs);
  CHECK(add(hour(2), "c", kOther).of_another_cluster);
  CHECK_FALSE(add(hour(3), "d").of_another_cluster);
  CHECK_FALSE(add(hour(4), "e", {"uid-ours", "ca-rotated"}).of_another_cluster);
  CHECK(beside(*this) == Names{hour(2)});
  CHECK(store.find("edge/" + hour(2)).manifest.identity == kOther);
}

TEST_CASE_METHOD(Shelf, "latest and proven are the series', whatever came after") {
  add(hour(0), "a", kOurs);
  add(hour(1), "b", kOther);
  prove(hour(0), store::Evidence::run, "pass");
  prove(hour(1), store::Evidence::run, "pass");
  CHECK(store.find("edge/latest").manifest.name == hour(0));
  CHECK(store.find("edge/proven").manifest.name == hour(0));
  CHECK(store.find("edge/" + hour(1)).of_another_cluster);
  store.record_series("edge", kOther);
  CHECK(store.find("edge/latest").manifest.name == hour(1));
  CHECK(store.find("edge/proven").manifest.name == hour(1));
  CHECK(beside(*this) == Names{hour(0)});
}

TEST_CASE_METHOD(Shelf, "a snapshot is packed against those of its own cluster only, and each comes out as it was") {
  add(hour(0), shelf::database_at(0), kOurs);
  add(hour(1), shelf::database_at(1), kOther);
  add(hour(2), shelf::database_at(2), kOurs);
  add(hour(3), shelf::database_at(3), kOther);
  add(hour(4), shelf::database_at(4), kThird);
  const auto base = [&](int h) { return store.find("edge/" + hour(h)).manifest.database.base; };
  CHECK(base(1).empty());
  CHECK(base(2) == hour(0));
  CHECK(base(3) == hour(1));
  CHECK(base(4).empty());
  for (int h = 0; h < 5; ++h) CHECK(extract(hour(h)) == shelf::database_at(h));
}

TEST_CASE_METHOD(Shelf, "retention never takes a snapshot of one cluster for the sake of another's") {
  const auto day = [](int number) { return fmt::format("202611{:02}T001700Z", number); };  // a keyframe each
  for (int d = 1; d < 5; ++d) add(day(d), "a", kOurs);
  for (int d = 5; d < 9; ++d) add(day(d), "b", kOther);
  add(day(9), "c", kThird);
  store::RetentionRules rules;
  rules.last = 2;
  CHECK(removed(*this, rules) == Names{day(1), day(2), day(5), day(6)});
  store.record_series("edge", kThird);
  CHECK(removed(*this, rules) == Names{day(1), day(2), day(5), day(6)});
}

TEST_CASE_METHOD(Shelf, "what a kept snapshot of another cluster is packed on stays, although it is of the series") {
  add(hour(0), shelf::database_at(0));  // from before snapshots said whose they are
  add(hour(1), shelf::database_at(1), kOurs);
  REQUIRE(store.find("edge/" + hour(1)).manifest.database.base == hour(0));
  store.record_series("edge", kOther);
  add(hour(2), "b", kOther);
  store::RetentionRules rules;
  rules.last = 1;
  CHECK(removed(*this, rules).empty());
  CHECK(extract(hour(1)) == shelf::database_at(1));
}

TEST_CASE_METHOD(Shelf, "snapshots that do not say whose they are keep what the record says, whoever counts later") {
  for (int h = 0; h < 4; ++h) add(hour(h), shelf::database_at(h));
  store.begin_series("edge", {kOurs, {{hour(1), kOurs}, {hour(2), kOther}}});
  CHECK(beside(*this) == Names{hour(2)});
  store.record_series("edge", kOther);
  CHECK(beside(*this) == Names{hour(0), hour(1)});
  CHECK(store.find("edge/" + hour(0)).manifest.identity == kOurs);
  CHECK_FALSE(store.find("edge/" + hour(3)).manifest.identity.known());
}

TEST_CASE_METHOD(Shelf, "latest of a series of which nothing is left says who there is, and how to say who counts") {
  add(hour(0), "a", kOurs);
  store.record_series("edge", kOther);
  CHECK_THROWS_WITH(store.find("edge/latest"), Catch::Contains("drill series edge"));
}

TEST_CASE_METHOD(Shelf, "a series whose file cannot be read goes by its oldest snapshot, and is written anew") {
  const auto damage = GENERATE(as<std::string>{}, "", "{", "[1]", R"({"schema": "k3s-drill/series-record/1"})",
                               R"({"schema": "k3s-drill/series-record/1", "kube_system_uid": 7})",
                               R"({"schema": "k3s-drill/series-record/1", "kube_system_uid": "", "ca_sha256": "",
                                   "unmarked": []})");
  add(hour(0), "a", kOurs);
  store.record_series("edge", kOurs);
  add(hour(1), "b", kOther);
  std::ofstream(root / "edge" / store::kSeriesFile) << damage;
  CHECK(store.series("edge") == kOurs);
  CHECK(store.find("edge/latest").manifest.name == hour(0));
  store.record_series("edge", kOurs);
  CHECK(store::read_series(root / "edge").identity == kOurs);
}

TEST_CASE("a manifest from before snapshots said whose they are is read, and says nothing") {
  store::Manifest manifest;
  manifest.identity = kOurs;
  std::string text = store::to_json(manifest);
  CHECK(store::manifest_from_json(text).identity == kOurs);
  const auto begin = text.find("  \"identity\"");
  text.erase(begin, text.find("  \"bundle\"") - begin);
  CHECK_FALSE(store::manifest_from_json(text).identity.known());
}
