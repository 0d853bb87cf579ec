// Checks file, hash, sqlite and schema: sound databases of every era, and each kind of damage under its own name.
#include <fcntl.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "core/fd.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"

using core::CheckVerdict;

namespace {

// Leaves kine_name_index without the rows up to `revision`, while the schema says that they are in it.
void hide_rows_from_name_index(const VerifyFixture& fixture, int revision) {
  const auto declare = [&](const std::string& condition) {
    fixture.exec(
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX kine_name_index ON kine (name)" +
        condition + "' WHERE name = 'kine_name_index'");
  };
  declare(fmt::format(" WHERE id > {}", revision));
  fixture.exec("REINDEX kine_name_index");
  declare("");
}

}  // namespace

TEST_CASE("A sound database of every kine era passes every check that can run") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const VerifyFixture fixture;
  fixture.make({}, era);
  const auto result = fixture.verify({}, core::hash_file(fixture.path()).sha256);
  for (const char* name : {"file", "hash", "sqlite", "schema", "decode"}) {
    INFO(name);
    for (const auto& finding : check_named(result, name).findings) UNSCOPED_INFO(finding.message);
    CHECK(check_named(result, name).verdict == CheckVerdict::pass);
    CHECK(check_named(result, name).findings.empty());
  }
  CHECK(result.coverage.complete());
  CHECK(result.coverage.pages_total > 0);
  CHECK(result.coverage.rows_total == 23);
  CHECK(result.size_bytes == result.page_count * result.page_size_bytes);
}

TEST_CASE("A file that is not there is an error and no verdict") {
  const VerifyFixture fixture;
  try {
    fixture.verify();
    FAIL("verify() found something");
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::not_found);
  }
}

TEST_CASE("An empty, a foreign and a cut header each fail check file, and nothing else is asked of them") {
  const VerifyFixture fixture;
  const auto [content, sentence] =
      GENERATE(table<std::string, std::string>({{"", "is empty (0 bytes)"},
                                                {std::string(8192, 'x'), "not a SQLite database"},
                                                {std::string("SQLite format 3\0", 16), "was cut short"},
                                                {"#!/bin/sh\n", "not a SQLite database"},
                                                {std::string(1 << 20, '\0'), "not a SQLite database"}}));
  fixture.replace(content);
  const auto result = fixture.verify();
  CHECK(contains(only_error(result, "file").message, sentence));
  for (const char* name : {"sqlite", "schema", "decode", "bootstrap"}) {
    CHECK(check_named(result, name).verdict == CheckVerdict::skipped);
    CHECK(contains(only_warning(result, name).message, sentence));
  }
}

TEST_CASE("A directory in the place of the database fails check file") {
  const VerifyFixture fixture;
  std::filesystem::create_directory(fixture.path());
  const auto result = fixture.verify();
  CHECK(contains(only_error(result, "file").message, "not a regular file"));
  CHECK(check_named(result, "hash").verdict == CheckVerdict::skipped);
}

TEST_CASE("A database cut at a page border or inside a page fails check file, one that is too long is a warning") {
  const VerifyFixture fixture;
  fixture.make();
  const std::string whole = fixture.bytes();
  fixture.replace(std::string_view(whole).substr(0, whole.size() - 4096));
  CHECK(contains(only_error(fixture.verify(), "file").message, "it was cut short"));
  fixture.replace(std::string_view(whole).substr(0, whole.size() - 100));
  CHECK(contains(only_error(fixture.verify(), "file").message, "cut or torn"));
  fixture.replace(whole + std::string(4096, '\0'));
  const auto longer = fixture.verify();
  CHECK(check_named(longer, "file").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(longer, "file").message, "copied while it grew"));
  CHECK(longer.coverage.complete());
}

TEST_CASE("Pages that nothing points at are a warning of check sqlite") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec("CREATE TABLE other (x); INSERT INTO other VALUES (zeroblob(20000)); DROP TABLE other");
  fixture.overwrite(32, std::string(8, '\0'));  // the list of free pages
  const auto result = fixture.verify();
  CHECK(check_named(result, "sqlite").verdict == CheckVerdict::pass);
  REQUIRE_FALSE(check_named(result, "sqlite").findings.empty());
  CHECK(contains(check_named(result, "sqlite").findings.front().message, "never used"));
  CHECK(result.coverage.complete());
}

TEST_CASE("An impossible page size fails check file") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.overwrite(16, std::string("\x0f\xff", 2));
  CHECK(contains(only_error(fixture.verify(), "file").message, "page size"));
}

TEST_CASE("A file that differs from its hash at capture fails check hash, and without one the check is skipped") {
  const VerifyFixture fixture;
  fixture.make();
  CHECK(
      contains(only_error(fixture.verify({}, std::string(64, '0')), "hash").message, "changed since it was captured"));
  const auto result = fixture.verify();
  CHECK(check_named(result, "hash").verdict == CheckVerdict::skipped);
  CHECK(contains(only_warning(result, "hash").message, "no hash was taken"));
  CHECK(result.sha256 == core::hash_file(fixture.path()).sha256);
}

TEST_CASE("An index that misses a row fails check sqlite") {
  const VerifyFixture fixture;
  fixture.make();
  hide_rows_from_name_index(fixture, 1);
  const auto result = fixture.verify();
  CHECK(check_named(result, "sqlite").verdict == CheckVerdict::fail);
  CHECK(contains(check_named(result, "sqlite").findings.front().message, "kine_name_index"));
  CHECK(check_named(result, "schema").verdict == CheckVerdict::pass);
  CHECK(check_named(result, "decode").verdict == CheckVerdict::pass);
  CHECK(result.coverage.pages_checked == result.coverage.pages_total);
}

TEST_CASE("Many complaints of SQLite are summed up after twenty") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    for (int i = 0; i < 100; ++i) database.create("/other/" + std::to_string(i), "x");
  });
  hide_rows_from_name_index(fixture, 60);
  const std::vector<core::Finding> findings = check_named(fixture.verify(), "sqlite").findings;
  REQUIRE(findings.size() == 21);
  CHECK(findings.back().message == "... and 41 more");  // 60 rows and one wrong count
}

TEST_CASE("A zeroed page fails check sqlite, and what can still be read is still counted") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    for (int i = 0; i < 200; ++i)
      database.create(fmt::format("/registry/configmaps/default/c{:03}", i),
                      kine::protobuf({"v1", "ConfigMap", fmt::format("c{:03}", i), "default", fmt::format("u{}", i)},
                                     kine::field(2, std::string(300, 'v'))));
  });
  const std::uint64_t pages = fixture.bytes().size() / 4096;
  fixture.overwrite((pages - 4) * 4096, std::string(4096, '\0'));
  const auto result = fixture.verify();
  CHECK(check_named(result, "file").verdict == CheckVerdict::pass);
  CHECK(check_named(result, "sqlite").verdict == CheckVerdict::fail);
  CHECK(result.census.objects_total > 0);
}

TEST_CASE("A database whose rows are mostly in its WAL is read with the WAL, and left as it is") {
  const VerifyFixture source;
  const VerifyFixture copy;
  {
    kine::Database database(source.path());
    database.exec("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
    kine::populate(database);
    std::filesystem::copy_file(source.path(), copy.path());
    std::filesystem::copy_file(source.path().string() + "-wal", copy.path().string() + "-wal");
  }
  const std::string before = copy.bytes();
  const auto result = copy.verify();
  CHECK(check_named(result, "file").verdict == CheckVerdict::pass);
  CHECK(check_named(result, "sqlite").verdict == CheckVerdict::pass);
  CHECK(check_named(result, "decode").verdict == CheckVerdict::pass);
  CHECK(result.rows.total == 23);
  CHECK(result.coverage.complete());
  CHECK(copy.bytes() == before);
  CHECK(std::filesystem::exists(copy.path().string() + "-wal"));
  CHECK(!std::filesystem::exists(copy.path().string() + "-shm"));
}

TEST_CASE("A WAL that is older than the database beside it fails check file, and one that goes on does not") {
  const VerifyFixture source;
  const VerifyFixture copy;
  kine::Database database(source.path());
  database.exec("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
  kine::populate(database);
  database.exec("CREATE TABLE early (x); DROP TABLE early");  // so that the first page is in it
  const auto copy_wal = [&] {
    std::filesystem::copy_file(source.path().string() + "-wal", copy.path().string() + "-wal",
                               std::filesystem::copy_options::overwrite_existing);
  };
  copy_wal();
  for (int i = 0; i < 2; ++i)  // each by a connection of its own: one alone need not count on
    source.exec(
        "PRAGMA wal_autocheckpoint=0; CREATE TABLE other (x); DROP TABLE other; PRAGMA wal_checkpoint(PASSIVE)");
  std::filesystem::copy_file(source.path(), copy.path());
  CHECK(contains(only_error(copy.verify(), "file").message, "is of an earlier time"));
  copy_wal();
  CHECK(check_named(copy.verify(), "file").findings.empty());
}

TEST_CASE("A copy in WAL mode without its WAL is noted where nothing tells who made it") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) { database.exec("PRAGMA journal_mode=WAL"); });
  std::filesystem::remove(fixture.path().string() + "-wal");
  const core::Check noted = check_named(fixture.verify(), "file");
  CHECK(noted.verdict == CheckVerdict::pass);
  REQUIRE(noted.findings.size() == 1);
  CHECK(noted.findings.front().severity == core::Severity::note);
  CHECK(contains(noted.findings.front().message, "no -wal lies beside it"));
  const std::string sha256 = core::hash_file(fixture.path()).sha256;
  CHECK(check_named(fixture.verify({}, sha256), "file").findings.empty());
}

TEST_CASE("A WAL of another database is ignored as SQLite ignores it, and a WAL header without WAL is read") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) { database.exec("PRAGMA journal_mode=WAL"); });
  std::filesystem::remove(fixture.path().string() + "-wal");
  CHECK(fixture.verify().rows.total == 23);
  std::ofstream(fixture.path().string() + "-wal", std::ios::binary) << std::string(8192, 'z');
  const auto result = fixture.verify();
  CHECK(result.rows.total == 23);
  CHECK(check_named(result, "sqlite").verdict == CheckVerdict::pass);
}

TEST_CASE("A database is read below the descriptor of a directory that has no name any more") {
  const VerifyFixture fixture;
  {
    kine::Database database(fixture.path());
    database.exec("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
    kine::populate(database);
    std::filesystem::copy_file(fixture.path(), fixture.path().string() + "2");
    std::filesystem::copy_file(fixture.path().string() + "-wal", fixture.path().string() + "2-wal");
  }
  const core::Fd directory = core::open_file(fixture.path().parent_path(), O_RDONLY | O_DIRECTORY);
  const auto moved = fixture.path().parent_path().string() + ".moved";
  std::filesystem::rename(fixture.path().parent_path(), moved);
  const auto result = verifier::verify({fmt::format("/proc/self/fd/{}/state.db2", directory.get()), {}, {}});
  std::filesystem::rename(moved, fixture.path().parent_path());
  CHECK(check_named(result, "sqlite").verdict == CheckVerdict::pass);
  CHECK(result.rows.total == 23);
}

TEST_CASE("Each missing or weakened index is a finding of check schema with its own weight") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec("DROP INDEX kine_id_deleted_index");
  const auto slower = fixture.verify();
  CHECK(check_named(slower, "schema").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(slower, "schema").message, "kine_id_deleted_index is missing"));
  fixture.exec("CREATE INDEX kine_id_deleted_index ON kine (id,deleted); DROP INDEX kine_name_prev_revision_uindex");
  const auto unguarded = fixture.verify();
  CHECK(check_named(unguarded, "schema").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(unguarded, "schema").message, "kine makes it again"));
  fixture.exec(
      "INSERT INTO kine SELECT NULL, name, created, deleted, create_revision, prev_revision, lease, value, "
      "old_value FROM kine WHERE name = '/registry/minions/node-a'");
  CHECK(contains(only_error(fixture.verify(), "schema").message, "does not start"));
  fixture.exec("CREATE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision)");
  const auto weak = fixture.verify();
  CHECK(check_named(weak, "schema").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(weak, "schema").message, "not the unique one"));
}

TEST_CASE("A table that is not kine's fails check schema, and its rows are not read") {
  const VerifyFixture fixture;
  const auto [sql, sentence] = GENERATE(table<std::string, std::string>(
      {{"CREATE TABLE other (id INTEGER)", "there is no table kine"},
       {"CREATE TABLE base (id INTEGER); CREATE VIEW kine AS SELECT * FROM base", "kine is a view"},
       {"CREATE VIRTUAL TABLE kine USING fts5(id, name, created, deleted, create_revision, prev_revision, lease, "
        "value, old_value)",
        "kine is a virtual table"}}));
  fixture.exec(sql);
  const auto result = fixture.verify();
  CHECK(contains(only_error(result, "schema").message, sentence));
  CHECK(check_named(result, "decode").verdict == CheckVerdict::skipped);
  CHECK(check_named(result, "bootstrap").verdict == CheckVerdict::skipped);
}

TEST_CASE("A missing column, a foreign type and a trigger are told apart by check schema") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec("ALTER TABLE kine DROP COLUMN lease");
  CHECK(contains(only_error(fixture.verify(), "schema").message, "no column lease"));
  fixture.exec("ALTER TABLE kine ADD COLUMN lease TEXT");
  const auto retyped = fixture.verify();
  CHECK(check_named(retyped, "schema").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(retyped, "schema").message, "lease of table kine is declared TEXT"));
  const VerifyFixture other;
  other.make();
  other.exec("CREATE TRIGGER boom AFTER INSERT ON kine BEGIN DELETE FROM kine; END");
  const auto result = other.verify();
  CHECK(contains(only_warning(result, "schema").message, "trigger named boom"));
  CHECK(check_named(result, "schema").verdict == CheckVerdict::pass);
}
