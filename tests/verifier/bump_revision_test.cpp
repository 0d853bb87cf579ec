// The copy a restore brings to a node, moved on beyond what clients have seen: what changes, what must not, and what
// every check says of it.
#include "verifier/kine/bump_revision.hpp"

#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>

#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"

using core::CheckVerdict;
using core::ErrorKind;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

using kine::kPod;
using kine::pod;

constexpr std::int64_t kBeyond = 5'000'000;

void live(kine::Database& database) {
  database.create(kPod, pod(1));
  database.update(kPod, pod(2));
  database.remove(kPod);
  database.create(kPod, pod(3));
  database.update(kPod, pod(4));
}

std::string query(const std::filesystem::path& path, const std::string& sql) {
  sqlite3* handle = nullptr;
  sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
  std::string text;
  const auto add = [](void* to, int columns, char** values, char**) {
    for (int at = 0; at < columns; ++at)
      static_cast<std::string*>(to)->append(values[at] != nullptr ? values[at] : "NULL").append("|");
    static_cast<std::string*>(to)->append("\n");
    return 0;
  };
  const int code = sqlite3_exec(handle, sql.c_str(), add, &text, nullptr);
  sqlite3_close(handle);
  REQUIRE(code == SQLITE_OK);
  return text;
}

// Everything but what a bump may change; before a bump and after.
std::string all_else(const std::filesystem::path& path, const std::string& from = "kine") {
  return query(path, "SELECT * FROM sqlite_schema") +
         query(path,
               "SELECT id, name, created, deleted, create_revision, iif(name = 'compact_rev_key', '', "
               "prev_revision), lease, hex(value), value IS NULL, hex(old_value), old_value IS NULL FROM " +
                   from + " WHERE id < 1000000 ORDER BY id");
}

constexpr const char* kLive =
    "(SELECT * FROM kine WHERE deleted = 0 AND id IN (SELECT max(id) FROM kine GROUP BY name))";

bool is_alone(const VerifyFixture& fixture) {
  for (const char* suffix : {"-wal", "-shm", "-journal"})
    if (std::filesystem::exists(fixture.path().string() + suffix)) return false;
  return true;
}

ErrorKind refusal(const std::filesystem::path& path, std::int64_t beyond) {
  try {
    verifier::bump_revision(path, {beyond});
  } catch (const core::Error& error) {
    return error.kind();
  }
  FAIL("it was bumped");
  return {};
}

}  // namespace

TEST_CASE("A bump keeps the live rows as they are, and one gap row, with all before it compacted") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const std::string mode = GENERATE("DELETE", "WAL");
  const VerifyFixture fixture;
  fixture.make(live, era);
  fixture.exec("PRAGMA journal_mode=" + mode);
  const std::string before = all_else(fixture.path(), kLive);
  const std::string header = fixture.bytes().substr(18, 2);

  CHECK(verifier::bump_revision(fixture.path(), {kBeyond}).value == kBeyond + 1);
  CHECK(is_alone(fixture));
  CHECK(fixture.bytes().substr(18, 2) == header);
  CHECK(all_else(fixture.path()) == before);
  CHECK(query(fixture.path(), "SELECT * FROM kine WHERE id > 100") == "5000001|gap-5000001|0|1|0|0|0|NULL|NULL|\n");
  CHECK(query(fixture.path(), "SELECT prev_revision FROM kine WHERE name = 'compact_rev_key'") == "5000000|\n");
  CHECK(query(fixture.path(), "SELECT seq FROM sqlite_sequence WHERE name = 'kine'") == "5000001|\n");
  CHECK(query(fixture.path(), "PRAGMA integrity_check") == "ok|\n");
}

TEST_CASE("What a -wal beside the copy held is in the one file that a bump leaves") {
  const VerifyFixture source;
  const VerifyFixture copy;
  {
    kine::Database database(source.path());
    database.exec("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
    kine::populate(database);
    live(database);
    std::filesystem::copy_file(source.path(), copy.path());
    std::filesystem::copy_file(source.path().string() + "-wal", copy.path().string() + "-wal");
  }
  verifier::bump_revision(copy.path(), {kBeyond});
  CHECK(is_alone(copy));
  CHECK(all_else(copy.path()) == all_else(source.path(), kLive));
}

TEST_CASE("A bumped copy passes every check without a word about it, and so does one that was bumped twice") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const int compact_behind = GENERATE(-1, 0, 2, 7);
  const VerifyFixture fixture;
  fixture.make(live, era);
  if (compact_behind >= 0) fixture.compact(compact_behind);
  const VerifyFixture original;
  original.replace(fixture.bytes());
  const auto before = fixture.verify();
  for (const std::int64_t beyond : {kBeyond, 3 * kBeyond}) {
    verifier::bump_revision(fixture.path(), {beyond});
    verifier::Subject subject{fixture.path(), {}, {}};
    subject.previous = verifier::Previous{"edge/before", original.path(), {}};
    const auto result = verifier::verify(subject);
    CHECK(result.revision.value == beyond + 1);
    CHECK(result.compact_revision.value == beyond);
    CHECK(result.census.by_resource == before.census.by_resource);
    CHECK(result.rows.live == before.rows.live);
    for (const core::Check& check : result.checks)
      for (const core::Finding& finding : check.findings) {
        INFO(check.name << ": " << finding.message << " (compacted " << compact_behind << ")");
        CHECK((check.verdict == CheckVerdict::skipped || finding.severity == core::Severity::note));
      }
  }
}

TEST_CASE("Rows gone after a bump, and a gap row that is no kine's, are findings all the same") {
  const VerifyFixture fixture;
  fixture.make(live);
  verifier::bump_revision(fixture.path(), {kBeyond});
  SECTION("lost") {
    fixture.exec("INSERT INTO kine VALUES (5000004, '/registry/odd', 1, 0, 0, 0, 0, '{}', NULL)");
    CHECK(contains(only_warning(fixture.verify(), "revisions").message, "are missing, from 5000002 to 5000003"));
  }
  SECTION("the gap row is gone") {
    fixture.exec("DELETE FROM kine WHERE id = 5000001");
    CHECK(check_named(fixture.verify(), "revisions").verdict == CheckVerdict::fail);
  }
  SECTION("another's") {
    fixture.exec("UPDATE kine SET name = 'gap-4999999' WHERE id = 5000001");
    CHECK(contains(only_warning(fixture.verify(), "revisions").message, "fills a gap"));
  }
}

TEST_CASE("A copy that has got there already is moved on by one revision, past all it knows of") {
  const VerifyFixture fixture;
  fixture.make(live);
  CHECK(verifier::bump_revision(fixture.path(), {7}).value == 30);
  fixture.exec("UPDATE kine SET prev_revision = 40 WHERE name = 'compact_rev_key'");
  CHECK(verifier::bump_revision(fixture.path(), {7}).value == 42);
  fixture.exec("UPDATE sqlite_sequence SET seq = 60");
  CHECK(verifier::bump_revision(fixture.path(), {7}).value == 62);
}

TEST_CASE("A copy that lost its compact_rev_key, or has two, is bumped with one, as kine starts on either") {
  const VerifyFixture fixture;
  fixture.make(live);
  SECTION("none") { fixture.exec("DELETE FROM kine WHERE name = 'compact_rev_key'"); }
  SECTION("two") { fixture.exec("INSERT INTO kine VALUES (NULL, 'compact_rev_key', 1, 0, 0, 1, 0, '', NULL)"); }
  CHECK(verifier::bump_revision(fixture.path(), {kBeyond}).value == kBeyond + 1);
  CHECK(query(fixture.path(),
              "SELECT created, deleted, prev_revision, length(value) FROM kine WHERE name = "
              "'compact_rev_key'") == "1|0|5000000|0|\n");
  CHECK(check_named(fixture.verify(), "revisions").findings.empty());
}

TEST_CASE("What cannot be bumped is refused and left as it was") {
  const VerifyFixture fixture;
  fixture.make(live);
  const auto refused_as = [&](ErrorKind kind, std::int64_t beyond = kBeyond) {
    const std::string before = fixture.bytes();
    CHECK(refusal(fixture.path(), beyond) == kind);
    CHECK(fixture.bytes() == before);
    CHECK(is_alone(fixture));
  };
  SECTION("no revision") {
    for (const std::int64_t beyond : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
                                      std::numeric_limits<std::int64_t>::max()})
      refused_as(ErrorKind::usage, beyond);
  }
  SECTION("a compact revision, or a sequence, at the end of all numbers") {
    fixture.exec(GENERATE("UPDATE kine SET prev_revision = 9223372036854775807 WHERE name = 'compact_rev_key'",
                          "UPDATE sqlite_sequence SET seq = 9223372036854775807"));
    refused_as(ErrorKind::damaged);
  }
  SECTION("a trigger is not run") {
    fixture.exec("CREATE TRIGGER t AFTER INSERT ON kine BEGIN DELETE FROM kine; END");
    verifier::bump_revision(fixture.path(), {kBeyond});
    CHECK(query(fixture.path(), "SELECT count(*) > 20 FROM kine") == "1|\n");
  }
  SECTION("no table") {
    fixture.exec("ALTER TABLE kine RENAME TO other");
    refused_as(ErrorKind::damaged);
  }
  SECTION("no database") {
    fixture.replace("no database");
    refused_as(ErrorKind::damaged);
  }
  SECTION("an empty file") {
    fixture.replace("");
    refused_as(ErrorKind::damaged);
  }
}

TEST_CASE("A file that is not there is not made by a bump") {
  const VerifyFixture fixture;
  CHECK(refusal(fixture.path(), kBeyond) == ErrorKind::storage);
  CHECK_FALSE(std::filesystem::exists(fixture.path()));
}

TEST_CASE("The revision to go on from is round, a million away at least, and a thousand more for each second since") {
  CHECK(verifier::revision_beyond({0}, seconds(0)).value == 1'000'000);
  CHECK(verifier::revision_beyond({1}, seconds(0)).value == 2'000'000);
  CHECK(verifier::revision_beyond({11'513}, hours(1)).value == 5'000'000);
  CHECK(verifier::revision_beyond({11'513}, hours(-1)).value == 2'000'000);
  CHECK(verifier::revision_beyond({0}, seconds(1)).value == 2'000'000);
  CHECK(verifier::revision_beyond({3'000'000}, hours(24 * 365)).value == 3'000'000 + 1'000'000 + 31'536'000'000);
  CHECK(verifier::revision_beyond({std::int64_t{1} << 59}, std::chrono::nanoseconds::max()).value > std::int64_t{1}
                                                                                                        << 59);
  CHECK_THROWS_AS(verifier::revision_beyond({-1}, seconds(0)), core::Error);
  CHECK_THROWS_AS(verifier::revision_beyond({std::int64_t{1} << 60}, seconds(0)), core::Error);
}
