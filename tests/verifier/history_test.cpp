// Checks `revisions` and `value-chain`: sound in all eras, and one finding for each thing that is out of its place.
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"

using core::CheckVerdict;

namespace {

using kine::kPod;
using kine::pod;

// A pod's life: created, changed twice, deleted, created again, changed. Revisions 24 to 29.
void live(kine::Database& database) {
  database.create(kPod, pod(1));
  database.update(kPod, pod(2));
  database.update(kPod, pod(3));
  database.remove(kPod);
  database.create(kPod, pod(4));
  database.update(kPod, pod(5));
}

std::string at(const std::string& set, int offset) {
  return "UPDATE kine SET " + set + " WHERE id = (SELECT max(id) FROM kine) - " + std::to_string(5 - offset);
}

}  // namespace

TEST_CASE("A life of creates, changes and deletes is sound in every era of kine, compacted or not") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const int compact_behind = GENERATE(-1, 0, 1, 2, 3, 4, 5, 6, 12);
  const VerifyFixture fixture;
  fixture.make(live, era);
  if (compact_behind >= 0) fixture.compact(compact_behind);
  const auto result = fixture.verify();
  INFO("compacted up to " << compact_behind << " before the newest");
  for (const char* name : {"revisions", "value-chain"}) {
    for (const core::Finding& finding : check_named(result, name).findings) UNSCOPED_INFO(finding.message);
    CHECK(check_named(result, name).verdict == CheckVerdict::pass);
    CHECK(check_named(result, name).findings.empty());
  }
}

TEST_CASE("What is out of its place in the log is one finding of check revisions") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const auto [sql, sentence] = GENERATE_COPY(table<std::string, std::string>(
      {{"DELETE FROM kine WHERE name LIKE 'gap-%'", "are missing"},
       {at("prev_revision = id", 5), "not older than itself"},
       {at("prev_revision = 0, name = name || 'x'", 5), "never created"},
       {at("prev_revision = 3", 5), "was not seen by the other"},
       {at("created = 1", 5), "was there already"},
       {at("created = 0", 4), "was deleted before"},
       {at("deleted = 7", 5), "creates or deletes"},
       {at("created = 1", 3), "at once"},
       {at("lease = NULL", 5), "has no lease"},
       {at("prev_revision = NULL", 4), "which revision it replaces"},
       {at("create_revision = 3", 4), "creates its key"},
       {at("create_revision = 2", 5), "but was at"},
       {at("create_revision = 4000", 5), "after the row it replaces"},
       {"UPDATE kine SET name = 'gap-7' WHERE name LIKE 'gap-%'", "fills a gap"},
       {"DELETE FROM sqlite_sequence", "does not say"},
       {"UPDATE sqlite_sequence SET seq = seq + 3", "the newest 3 are lost"},
       {"UPDATE sqlite_sequence SET seq = seq - 1", "was handed out last"},
       {"UPDATE kine SET name = 'other' WHERE name = 'compact_rev_key'", "no compact_rev_key"},
       {"UPDATE kine SET prev_revision = 0 - 5 WHERE name = 'compact_rev_key'", "lies outside"}}));
  const VerifyFixture fixture;
  fixture.make(live, era);
  fixture.exec(sql);
  const auto result = fixture.verify();
  INFO(sql);
  CHECK(contains(only_error(result, "revisions").message, sentence));
}

TEST_CASE("A compact revision beyond the newest row, and a second compact_rev_key, are findings") {
  const VerifyFixture fixture;
  fixture.make(live);
  SECTION("beyond") {
    fixture.exec("UPDATE kine SET prev_revision = 5000 WHERE name = 'compact_rev_key'");
    CHECK(contains(only_error(fixture.verify(), "revisions").message, "lies outside"));
  }
  SECTION("second") {
    fixture.exec("INSERT INTO kine VALUES (NULL, 'compact_rev_key', 1, 0, 0, 1, 0, '', NULL)");
    CHECK(check_named(fixture.verify(), "revisions").verdict == CheckVerdict::fail);
  }
}

TEST_CASE("Rows lost above the compact revision, and a predecessor that is another key's, are findings") {
  const VerifyFixture fixture;
  fixture.make(live);
  fixture.compact(2);
  SECTION("lost") {
    fixture.exec(at("id = 5000", 5));
    CHECK(check_named(fixture.verify(), "revisions").verdict == CheckVerdict::fail);
  }
  SECTION("another key's") {
    fixture.exec("UPDATE kine SET prev_revision = 3 WHERE name = '/registry/leases/kube-system/node-a'");
    CHECK(contains(only_error(fixture.verify(), "revisions").message, "another key's"));
  }
}

TEST_CASE("What compaction should have removed is a warning") {
  const VerifyFixture fixture;
  fixture.make(live);
  fixture.exec("UPDATE kine SET prev_revision = (SELECT max(id) FROM kine) WHERE name = 'compact_rev_key'");
  const auto result = fixture.verify();
  CHECK(check_named(result, "revisions").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(result, "revisions").message, "should have removed"));
}

TEST_CASE("An old value that is not the value it replaced is one finding of check value-chain, in every era") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const VerifyFixture fixture;
  fixture.make(live, era);
  SECTION("the old value changed") {
    fixture.exec(at("old_value = old_value || 'x'", 1));
    const core::Finding finding = only_error(fixture.verify(), "value-chain");
    CHECK(finding.key == kPod);
    CHECK(contains(finding.message, "one of the two changed"));
  }
  SECTION("the value changed") {
    fixture.exec(at("value = (SELECT old.value FROM kine AS old WHERE old.id = kine.id - 1)", 2));
    CHECK(check_named(fixture.verify(), "value-chain").verdict == CheckVerdict::fail);
  }
  SECTION("of a tombstone") {
    fixture.exec(at("old_value = 'x'", 3));
    CHECK(only_error(fixture.verify(), "value-chain").key == kPod);
  }
}

TEST_CASE("An old value whose own row was compacted is decoded") {
  const VerifyFixture fixture;
  fixture.make(live);
  fixture.compact(0);
  CHECK(check_named(fixture.verify(), "value-chain").verdict == CheckVerdict::pass);
  fixture.exec(at("old_value = substr(old_value, 1, 30)", 5));
  CHECK(contains(only_error(fixture.verify(), "value-chain").message, "the value that was replaced"));
}

TEST_CASE("Databases that an older kine began and a newer one went on with are sound") {
  const VerifyFixture fixture;
  {
    kine::Database database(fixture.path(), kine::Era::a);
    kine::populate(database);
    for (const kine::Era era : {kine::Era::a, kine::Era::b, kine::Era::c}) {
      database.become(era);
      live(database);
      database.remove(kPod);
    }
  }
  const auto result = fixture.verify();
  CHECK(check_named(result, "revisions").findings.empty());
  CHECK(check_named(result, "value-chain").findings.empty());
}

TEST_CASE("What an old kine wrote about a key that it took for another is a warning") {
  const auto [first, second] = GENERATE(table<std::string, std::string>({{"foo-bar", "foo_bar"}, {"Case", "case"}}));
  const VerifyFixture fixture;
  const auto role = [](const std::string& name, const std::string& uid) {
    return kine::protobuf({"rbac.authorization.k8s.io/v1", "ClusterRole", name, "", uid});
  };
  const auto [one, two] = std::pair(first, second);  // structured bindings cannot be captured
  fixture.make(
      [&](kine::Database& database) {
        database.create("/registry/clusterroles/" + one, role(one, "uid-1"));
        database.remove("/registry/clusterroles/" + one);
        database.create("/registry/clusterroles/" + two, role(two, "uid-2"));
      },
      kine::Era::a);
  fixture.exec("UPDATE kine SET prev_revision = id - 1 WHERE id = (SELECT max(id) FROM kine)");
  CHECK(check_named(fixture.verify(), "revisions").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(fixture.verify(), "revisions").message, "replaces revision"));
}

TEST_CASE("A tombstone of what was never there, as kine 0.17 writes for a careless client, is a warning") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec("INSERT INTO kine VALUES (NULL, '/foreign', 0, 1, NULL, 0, 0, NULL, NULL)");
  CHECK(contains(only_warning(fixture.verify(), "revisions").message, "never created"));
}

TEST_CASE("An old value of a key that was mistaken for another, of which nothing is left, is a warning") {
  const VerifyFixture fixture;
  const auto role = [](const std::string& name, const std::string& uid) {
    return kine::protobuf({"rbac.authorization.k8s.io/v1", "ClusterRole", name, "", uid});
  };
  fixture.make(
      [&](kine::Database& database) {
        database.create("/registry/clusterroles/foo-bar", role("foo_bar", "uid-1"));
        database.update("/registry/clusterroles/foo-bar", role("foo-bar", "uid-2"));
      },
      kine::Era::a);
  fixture.compact(0);
  const auto result = fixture.verify();
  CHECK(check_named(result, "value-chain").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(result, "value-chain").message, "another name than its key"));
}
