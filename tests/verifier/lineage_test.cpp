// Checks that look beyond one database: `lineage` and `census` against the snapshot before, `freshness` against the
// clock.
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"
#include "verifier/kine/bump_revision.hpp"

using core::CheckVerdict;

namespace {

using kine::kPod;
using kine::pod;

// The same cluster twice: an hour ago, and now.
struct TwoSnapshots {
  VerifyFixture then;
  VerifyFixture now;

  explicit TwoSnapshots(kine::Era era = kine::Era::c) {
    const auto until_then = [](kine::Database& database) {
      database.create(kPod, pod(1));
      database.update(kPod, pod(2));
      for (int i = 0; i < 20; ++i) {
        const std::string name = "s" + std::to_string(i);
        database.create("/registry/secrets/default/" + name,
                        kine::protobuf({"v1", "Secret", name, "default", "uid-" + name}));
      }
    };
    then.make(until_then, era);
    now.make(
        [&](kine::Database& database) {
          until_then(database);
          database.update(kPod, pod(3));
          database.create("/registry/configmaps/default/new",
                          kine::protobuf({"v1", "ConfigMap", "new", "default", "uid-new"}));
          database.remove("/registry/secrets/default/s19");
        },
        era);
  }

  verifier::Verification verify() const {
    verifier::Subject subject{now.path(), {}, {}};
    subject.previous = verifier::Previous{"edge/then", then.path(), {}};
    return verifier::verify(subject);
  }
};

}  // namespace

TEST_CASE("What a snapshot became an hour later is of its line, in every era, compacted at any point") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const int compact_then = GENERATE(-1, 0, 5, 21, 22, 40);
  const int compact_now = GENERATE(-1, 0, 1, 2, 3, 4, 10, 25);
  const TwoSnapshots snapshots(era);
  if (compact_then >= 0) snapshots.then.compact(compact_then);
  if (compact_then >= 0) snapshots.now.compact(compact_then + 3);
  if (compact_now >= 0 && (compact_then < 0 || compact_now < compact_then + 3)) snapshots.now.compact(compact_now);
  const auto result = snapshots.verify();
  INFO(compact_then << " " << compact_now);
  for (const core::Finding& finding : check_named(result, "lineage").findings) UNSCOPED_INFO(finding.message);
  CHECK(check_named(result, "lineage").verdict == CheckVerdict::pass);
  CHECK(check_named(result, "census").verdict == CheckVerdict::pass);
}

TEST_CASE("Asked for afterwards, the checks that look beyond one database say the same as with the others") {
  TwoSnapshots snapshots;
  const int change = GENERATE(0, 1, 2);
  if (change == 1) snapshots.now.exec("UPDATE kine SET value = value || 'x' WHERE id = 5");
  if (change == 2) snapshots.now.exec("DELETE FROM kine WHERE name LIKE '/registry/secrets/default/s%'");
  verifier::Subject alone{snapshots.now.path(), {}, {}};
  verifier::Subject whole = alone;
  whole.previous = verifier::Previous{"edge/then", snapshots.then.path(), {}};
  whole.taken_at = core::utc_now();
  const verifier::Verification at_once = verifier::verify(whole);
  verifier::Verification later = verifier::verify(alone);
  CHECK(check_named(later, "lineage").verdict == CheckVerdict::skipped);
  CHECK(check_named(later, "lineage").findings.at(0).severity == core::Severity::note);
  verifier::verify_in_series(whole, later);
  REQUIRE(later.checks.size() == at_once.checks.size());
  for (std::size_t i = 0; i < later.checks.size(); ++i) {
    INFO(later.checks[i].name);
    CHECK(later.checks[i].name == at_once.checks[i].name);
    CHECK(later.checks[i].verdict == at_once.checks[i].verdict);
    REQUIRE(later.checks[i].findings.size() == at_once.checks[i].findings.size());
    for (std::size_t j = 0; j < later.checks[i].findings.size(); ++j)
      CHECK(later.checks[i].findings[j].message == at_once.checks[i].findings[j].message);
  }
  CHECK(check_named(later, "lineage").verdict == (change == 0 ? CheckVerdict::pass : CheckVerdict::fail));
}

TEST_CASE("A change in the past is one finding of check lineage, an error when it is about what k3s serves") {
  using core::Severity;
  const auto [sql, severity, sentence] = GENERATE(table<std::string, Severity, std::string>(
      {{"UPDATE kine SET value = value || 'x' WHERE id = 5", Severity::error, "another one"},
       {"UPDATE kine SET value = NULL WHERE id = 5", Severity::error, "another one"},
       {"UPDATE kine SET old_value = 'x' WHERE id = 5", Severity::error, "another one"},
       {"UPDATE kine SET lease = 3 WHERE id = 5", Severity::error, "another one"},
       {"UPDATE kine SET create_revision = 5 WHERE id = 5", Severity::error, "another one"},
       {"UPDATE kine SET value = 'x' WHERE id = 25", Severity::warning, "a later row replaced it"},
       {"UPDATE kine SET value = replace(value, 'uid-kube-system', 'uid-kube-sYstem') WHERE name LIKE '%/kube-system'",
        Severity::error, "another cluster"}}));
  const TwoSnapshots snapshots;
  const bool compacted = GENERATE(false, true);
  if (compacted) {
    snapshots.then.compact(18);
    snapshots.now.compact(20);
  }
  snapshots.now.exec(sql);
  INFO(sql << " compacted " << compacted);
  const auto result = snapshots.verify();
  CHECK(contains((severity == Severity::error ? only_error : only_warning)(result, "lineage").message, sentence));
  if (severity == Severity::warning) CHECK(check_named(result, "lineage").verdict == CheckVerdict::pass);
}

TEST_CASE("Rows that somebody deleted are an error where an object went with them, and else a warning") {
  const TwoSnapshots snapshots;
  const bool compacted = GENERATE(false, true);
  if (compacted) {
    snapshots.then.compact(18);
    snapshots.now.compact(20);
  }
  SECTION("objects") {
    const int id = GENERATE(30, 6);  // above the compact revision, and below it
    snapshots.now.exec("DELETE FROM kine WHERE id = " + std::to_string(id));
    CHECK(contains(only_error(snapshots.verify(), "lineage").message, "is lost"));
  }
  SECTION("history alone") {
    snapshots.now.exec("DELETE FROM kine WHERE id NOT IN (SELECT max(id) FROM kine GROUP BY name)");
    const auto result = snapshots.verify();
    CHECK(check_named(result, "lineage").verdict == CheckVerdict::pass);
    CHECK(contains(only_warning(result, "lineage").message, "deleted them by hand"));
  }
  SECTION("an event") {
    for (const VerifyFixture* fixture : {&snapshots.then, &snapshots.now})
      fixture->exec("UPDATE kine SET name = '/registry/events/default/e' WHERE id = 30");
    snapshots.now.exec("DELETE FROM kine WHERE id = 30");
    CHECK(check_named(snapshots.verify(), "lineage").verdict == CheckVerdict::pass);
    CHECK(contains(only_warning(snapshots.verify(), "lineage").message, "1 rows that edge/then holds are gone"));
  }
}

TEST_CASE("A row that appears in the past, and a step back in time, are findings of check lineage") {
  SECTION("appears") {
    const TwoSnapshots snapshots;
    snapshots.then.compact(20);
    snapshots.now.compact(20);
    snapshots.now.exec("INSERT INTO kine VALUES (9, '/registry/odd', 1, 0, 0, 0, 0, '{}', NULL)");  // compacted
    CHECK(contains(only_error(snapshots.verify(), "lineage").message, "is not in edge/then"));
  }
  SECTION("back") {
    TwoSnapshots snapshots;
    verifier::Subject subject{snapshots.then.path(), {}, {}};
    subject.previous = verifier::Previous{"edge/later", snapshots.now.path(), {}};
    CHECK(contains(only_error(verifier::verify(subject), "lineage").message, "behind"));
  }
  SECTION("compact revision back") {
    const TwoSnapshots snapshots;
    snapshots.then.compact(18);
    snapshots.now.compact(20);
    snapshots.now.exec("UPDATE kine SET prev_revision = 0 WHERE name = 'compact_rev_key'");
    const auto result = snapshots.verify();
    CHECK(check_named(result, "lineage").verdict == CheckVerdict::pass);
    CHECK(contains(only_warning(result, "lineage").message, "the compact revision"));
  }
}

TEST_CASE("A restored cluster whose revision was bumped is of the line of what it was before") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const int compact_then = GENERATE(-1, 0, 2, 4);
  const TwoSnapshots snapshots(era);
  // `then` is restored when `now` was there already, and something compacted since.
  if (compact_then >= 0) snapshots.now.compact(compact_then);
  const core::Revision bumped =
      verifier::bump_revision(snapshots.then.path(), verifier::revision_beyond({45}, std::chrono::hours(1)));
  const auto compare = [&] {
    verifier::Subject subject{snapshots.then.path(), {}, {}};
    subject.previous = verifier::Previous{"edge/before", snapshots.now.path(), {}};
    return verifier::verify(subject);
  };
  CHECK(check_named(compare(), "lineage").findings.at(0).severity == core::Severity::note);
  const auto is_restored = [&](const verifier::Verification& result) {
    INFO("compacted " << compact_then);
    for (const core::Finding& finding : check_named(result, "lineage").findings) UNSCOPED_INFO(finding.message);
    CHECK(check_named(result, "lineage").verdict == CheckVerdict::pass);
    CHECK(contains(only_warning(result, "lineage").message, "restored since edge/before"));
  };
  // It goes on, and kine up to 0.16 compacts the gap row and all that lies before it.
  for (const char* name : {"'/registry/odd'", "'/registry/even'"})
    snapshots.then.exec("INSERT INTO kine VALUES (NULL, " + std::string(name) + ", 1, 0, 0, 0, 0, '{}', NULL)");
  is_restored(compare());
  snapshots.then.compact(0);
  is_restored(compare());
  CHECK(verifier::bump_revision(snapshots.then.path(), {1}).value == bumped.value + 4);
  SECTION("a row that is another one") {
    snapshots.then.exec("UPDATE kine SET value = value || 'x' WHERE id = 5");
    CHECK(contains(only_error(compare(), "lineage").message, "another one"));
  }
  SECTION("a row that no compaction took from the one before") {
    if (compact_then != -1) return;
    snapshots.now.exec("DELETE FROM kine WHERE id = 42");
    CHECK(contains(only_error(compare(), "lineage").message, "is not in edge/before"));
  }
}

TEST_CASE("Without an earlier snapshot lineage and census are skipped and say so") {
  const TwoSnapshots snapshots;
  const auto result = snapshots.now.verify();
  for (const char* name : {"lineage", "census"}) CHECK(check_named(result, name).verdict == CheckVerdict::skipped);
  CHECK_FALSE(result.previous_is_damaged);
}

TEST_CASE("An earlier snapshot that is damaged itself fails no later one, and both checks name it") {
  const TwoSnapshots snapshots;
  const int damage = GENERATE(0, 1, 2);
  const std::uint64_t last = snapshots.then.bytes().size() / 4096 - 1;
  if (damage == 0) snapshots.then.replace("no database");
  if (damage == 1) snapshots.then.overwrite(last * 4096, std::string(4096, '\0'));
  if (damage == 2) snapshots.then.replace(snapshots.then.bytes().substr(0, last * 4096));
  INFO(damage);
  const auto result = snapshots.verify();
  CHECK(result.previous_is_damaged);
  for (const char* name : {"lineage", "census"}) {
    const core::Check& check = check_named(result, name);
    CHECK(check.verdict == CheckVerdict::skipped);
    REQUIRE(check.findings.size() == 1);
    CHECK(check.findings[0].severity == core::Severity::note);
    CHECK(contains(check.findings[0].message, "skipped: edge/then is damaged itself: "));
  }
  CHECK(check_named(result, "decode").verdict == CheckVerdict::pass);
}

TEST_CASE("What is wrong with the later of two snapshots is an error of its own, the earlier being sound") {
  const TwoSnapshots snapshots;
  snapshots.now.overwrite((snapshots.now.bytes().size() / 4096 - 1) * 4096, std::string(4096, '\0'));
  const auto result = snapshots.verify();
  CHECK_FALSE(result.previous_is_damaged);
  CHECK(check_named(result, "sqlite").verdict == CheckVerdict::fail);
  CHECK(check_named(result, "lineage").verdict == CheckVerdict::fail);
}

TEST_CASE("Fewer secrets, a vanished namespace and a mass deletion are findings of check census") {
  const TwoSnapshots snapshots;
  SECTION("secrets") {
    snapshots.now.exec(
        "DELETE FROM kine WHERE name > '/registry/secrets/default/s10' AND name < "
        "'/registry/secrets/default/s9'");
    CHECK(contains(only_warning(snapshots.verify(), "census").message, "secrets since edge/then"));
  }
  SECTION("namespace") {
    snapshots.then.exec("INSERT INTO kine VALUES (NULL, '/registry/pods/team-007/p', 1, 0, 0, 0, 0, '{}', NULL)");
    CHECK(contains(only_warning(snapshots.verify(), "census").message, "namespace team-007 is gone"));
  }
  SECTION("mass deletion") {
    snapshots.now.exec("DELETE FROM kine WHERE name LIKE '/registry/secrets/%'");
    CHECK(contains(only_error(snapshots.verify(), "census").message, "mass deletion"));
  }
}

TEST_CASE("A source that stood still is found by the clock") {
  const VerifyFixture fixture;
  fixture.make();
  using namespace std::chrono;
  const core::UtcTime newest = *core::parse_rfc3339("2026-09-21T14:16:40.5Z");  // the lease's renewTime
  const auto [age, verdict, sentence] =
      GENERATE(table<seconds, CheckVerdict, std::string>({{seconds(20), CheckVerdict::pass, "older than the capture"},
                                                          {minutes(11), CheckVerdict::pass, "nothing changed"},
                                                          {hours(24), CheckVerdict::fail, "an earlier day"},
                                                          {-minutes(11), CheckVerdict::pass, "clocks"}}));
  verifier::Subject subject{fixture.path(), {}, {}};
  subject.taken_at = newest + age;
  const core::Check check = check_named(verifier::verify(subject), "freshness");
  CHECK(check.verdict == verdict);
  REQUIRE(check.findings.size() == 1);
  CHECK(contains(check.findings[0].message, sentence));
}

TEST_CASE("A snapshot that is dated later than now says nothing of how fresh it is") {
  const VerifyFixture fixture;
  fixture.make();
  verifier::Subject subject{fixture.path(), {}, {}};
  subject.taken_at = core::utc_now() + std::chrono::hours(1);
  const core::Check check = check_named(verifier::verify(subject), "freshness");
  CHECK(check.verdict == CheckVerdict::skipped);
  REQUIRE(check.findings.size() == 1);
  CHECK(contains(check.findings[0].message, "later than this machine's clock"));
}
