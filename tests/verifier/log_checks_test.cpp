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

TEST_CASE("What is out of its place in the log is one finding of check revisions, an error when objects go by it") {
  using core::Severity;
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const auto [sql, severity, sentence] = GENERATE_COPY(table<std::string, Severity, std::string>(
      {{"DELETE FROM kine WHERE name LIKE 'gap-%'", Severity::warning, "are missing"},
       {at("prev_revision = id", 5), Severity::error, "not older than itself"},
       {at("prev_revision = 0, name = name || 'x'", 5), Severity::warning, "never created"},
       {at("prev_revision = 3", 5), Severity::error, "was not seen by the other"},
       {at("prev_revision = 1", 5), Severity::warning, "was not seen by the other"},
       {at("created = 1", 5), Severity::warning, "was there already"},
       {at("created = 0", 4), Severity::warning, "was deleted before"},
       {at("deleted = 7", 5), Severity::error, "creates or deletes"},
       {at("deleted = 7", 2), Severity::warning, "creates or deletes"},
       {at("created = 1", 3), Severity::warning, "at once"},
       {at("lease = NULL", 5), Severity::warning, "has no lease"},
       {at("prev_revision = NULL", 4), Severity::warning, "which revision it replaces"},
       {at("create_revision = 3", 4), Severity::warning, "creates its key"},
       {at("create_revision = 2", 5), Severity::warning, "but was at"},
       {at("create_revision = 4000", 5), Severity::warning, "after the row it replaces"},
       {"UPDATE kine SET name = 'gap-7' WHERE name LIKE 'gap-%'", Severity::warning, "fills a gap"},
       {"DELETE FROM sqlite_sequence", Severity::warning, "does not say"},
       {"UPDATE sqlite_sequence SET seq = seq + 3", Severity::error, "the newest 3 are lost"},
       {"UPDATE sqlite_sequence SET seq = seq - 1", Severity::warning, "was handed out last"},
       {"UPDATE kine SET name = 'other' WHERE name = 'compact_rev_key'", Severity::warning, "no compact_rev_key"},
       {"UPDATE kine SET prev_revision = 0 - 5 WHERE name = 'compact_rev_key'", Severity::warning, "lies outside"},
       {"UPDATE kine SET prev_revision = 5000 WHERE name = 'compact_rev_key'", Severity::error, "lies outside"},
       {"INSERT INTO kine VALUES (NULL, 'compact_rev_key', 1, 0, 0, 1, 0, '', NULL)", Severity::warning, "a second"}}));
  const VerifyFixture fixture;
  fixture.make(live, era);
  fixture.exec(sql);
  const auto result = fixture.verify();
  INFO(sql);
  const bool is_error = severity == Severity::error;
  CHECK(check_named(result, "revisions").verdict == (is_error ? CheckVerdict::fail : CheckVerdict::pass));
  CHECK(contains((is_error ? only_error : only_warning)(result, "revisions").message, sentence));
}

TEST_CASE("A backlog of compaction is one warning, and what waits for the next compaction is none") {
  const VerifyFixture fixture;
  fixture.make(live);
  const auto change_often = [&](int times) {
    fixture.exec(
        "INSERT INTO kine(name, created, deleted, create_revision, prev_revision, lease, value, old_value) "
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " +
        std::to_string(times) +
        ") SELECT name, 0, 0, create_revision, k.id + i, 0, value, value FROM n, "
        "(SELECT * FROM kine WHERE id = (SELECT max(id) FROM kine)) k ORDER BY i");
  };
  change_often(99'000);
  CHECK(check_named(fixture.verify(), "revisions").findings.empty());
  change_often(2'000);
  const auto result = fixture.verify();
  CHECK(check_named(result, "revisions").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(result, "revisions").message, "wait for compaction"));
}

TEST_CASE("Rows that were deleted by hand are one warning that says what it looks like and what is only history") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    live(database);
    for (int version = 5; version < 60; ++version) database.update(kPod, pod(version));
  });
  SECTION("all that was replaced, as people do to shrink it") {
    fixture.exec("DELETE FROM kine WHERE id NOT IN (SELECT max(id) FROM kine GROUP BY name)");
    const auto result = fixture.verify();
    CHECK(check_named(result, "revisions").verdict == CheckVerdict::pass);
    const core::Finding finding = only_warning(result, "revisions");
    CHECK(contains(finding.message, "deleted by hand, with DELETE FROM kine"));
    CHECK(contains(finding.message, "missing rows were replaced by rows that are here"));
  }
  SECTION("what compaction would have kept") {
    fixture.compact(10);
    fixture.exec("DELETE FROM kine WHERE id = (SELECT max(id) - 10 FROM kine)");
    const auto result = fixture.verify();
    CHECK(check_named(result, "revisions").verdict == CheckVerdict::pass);
    CHECK(contains(only_warning(result, "revisions").message, "1 rows that later rows replaced are missing"));
  }
}

TEST_CASE("A predecessor that is another key's is an error where compaction would remove that") {
  const VerifyFixture fixture;
  fixture.make(live);
  const bool compacted = GENERATE(false, true);
  if (compacted) fixture.compact(2);
  fixture.exec("UPDATE kine SET prev_revision = 3 WHERE name = '/registry/leases/kube-system/node-a' AND created = 0");
  const auto result = fixture.verify();
  CHECK(check_named(result, "revisions").verdict == (compacted ? CheckVerdict::pass : CheckVerdict::fail));
  if (compacted) CHECK(contains(only_warning(result, "revisions").message, "another key's"));
  if (!compacted) CHECK(contains(only_error(result, "revisions").message, "k3s would remove revision 3"));
}

TEST_CASE("What compaction should have removed is a warning") {
  const VerifyFixture fixture;
  fixture.make(live);
  fixture.exec("UPDATE kine SET prev_revision = (SELECT max(id) FROM kine) WHERE name = 'compact_rev_key'");
  const auto result = fixture.verify();
  CHECK(check_named(result, "revisions").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(result, "revisions").message, "should have removed"));
}

TEST_CASE("An old value that is not the value it replaced is history, and one warning of check value-chain") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const VerifyFixture fixture;
  fixture.make(live, era);
  SECTION("the old value changed") {
    fixture.exec(at("old_value = old_value || 'x'", 1));
    const core::Finding finding = only_warning(fixture.verify(), "value-chain");
    CHECK(finding.key == kPod);
    CHECK(contains(finding.message, "one of the two changed"));
  }
  SECTION("the value changed") {
    fixture.exec(at("value = (SELECT old.value FROM kine AS old WHERE old.id = kine.id - 1)", 2));
    CHECK_FALSE(check_named(fixture.verify(), "value-chain").findings.empty());
  }
  SECTION("of a tombstone") {
    fixture.exec(at("old_value = 'x'", 3));
    CHECK(only_warning(fixture.verify(), "value-chain").key == kPod);
  }
  CHECK(check_named(fixture.verify(), "value-chain").verdict == CheckVerdict::pass);
}

TEST_CASE("A tombstone whose value is another one was an update, and an object is lost, unless it was made again") {
  const VerifyFixture fixture;
  fixture.make(live);
  SECTION("the newest row") {
    fixture.exec(at("deleted = 1", 5));
    CHECK(contains(only_error(fixture.verify(), "value-chain").message, "the object is lost"));
  }
  SECTION("a row that a later one replaced") {
    fixture.exec(at("deleted = 1", 2));
    CHECK(check_named(fixture.verify(), "value-chain").verdict == CheckVerdict::pass);
    CHECK(contains(only_warning(fixture.verify(), "value-chain").message, "a later row replaced it"));
  }
}

TEST_CASE("An old value whose own row was compacted is decoded") {
  const VerifyFixture fixture;
  fixture.make(live);
  fixture.compact(0);
  CHECK(check_named(fixture.verify(), "value-chain").verdict == CheckVerdict::pass);
  fixture.exec(at("old_value = substr(old_value, 1, 30)", 5));
  CHECK(check_named(fixture.verify(), "value-chain").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(fixture.verify(), "value-chain").message, "the value that was replaced"));
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
  const std::string one = first;  // structured bindings cannot be captured
  const std::string two = second;
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
