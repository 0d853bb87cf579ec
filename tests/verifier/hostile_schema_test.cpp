// A schema as nobody means it: whatever it says, nothing of it is run, and nothing is written.
#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/bounded.hpp"
#include "tests/verifier/verify_fixture.hpp"
#include "verifier/kine/sqlite.hpp"

namespace {

// Longer than anybody waits, or more than fits anywhere, when it is evaluated.
const std::string kSlow = "instr(zeroblob(60000000), zeroblob(30000000) || 'x')";
const std::string kLarge = "hex(zeroblob(30000000)) || hex(zeroblob(30000000))";
const std::string kOutside = "load_extension('/nowhere/evil.so')";

std::set<std::string> files_beside(const std::filesystem::path& path) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path()))
    files.insert(entry.path().filename().string());
  return files;
}

// Verifies in a child; nothing may be written, and it ends in time and in little memory.
std::string verified(const VerifyFixture& fixture) {
  const std::string before = fixture.bytes();
  const std::set<std::string> files = files_beside(fixture.path());
  const Bounded outcome = bounded([&] { return told(fixture.verify("a-token")); });
  INFO(outcome.said.substr(0, 4000));
  CHECK(outcome.ended);
  CHECK(outcome.peak_bytes < peak_allowed());
  CHECK(outcome.duration < std::chrono::seconds(30));
  CHECK(fixture.bytes() == before);
  CHECK(files_beside(fixture.path()) == files);
  return outcome.said;
}

bool has(const std::string& said, const std::string& words) { return said.find(words) != std::string::npos; }

// Puts `statement` into the schema in place of what made `name`.
std::string as_sql_of(const std::string& name, std::string statement) {
  for (std::size_t at = 0; (at = statement.find('\'', at)) != std::string::npos; at += 2) statement.insert(at, 1, '\'');
  return fmt::format("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = '{}' WHERE name = '{}'", statement,
                     name);
}

std::string kine_table(const std::string& name, const std::string& value, const std::string& more = "") {
  return fmt::format(
      "CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name {}, created INTEGER, deleted INTEGER, "
      "create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value {}, old_value BLOB{})",
      name, value, more);
}

}  // namespace

TEST_CASE("Triggers, views and virtual tables are named and never run") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec("CREATE TRIGGER evil AFTER INSERT ON kine BEGIN SELECT " + kOutside + "; END");
  fixture.exec(
      "CREATE VIEW forever AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c");
  fixture.exec("CREATE VIEW functions AS SELECT * FROM json_each('[1,2]'), pragma_database_list");
  fixture.exec("CREATE VIRTUAL TABLE words USING fts5(a); INSERT INTO words VALUES ('some words')");
  const std::string said = verified(fixture);
  INFO(said);
  for (const char* words : {"a trigger named evil", "a view named forever", "a view named functions",
                            "a virtual table named words", "decode pass"})
    CHECK(has(said, words));
}

TEST_CASE("kine as a view or a virtual table is no table to read") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec("ALTER TABLE kine RENAME TO rows");
  fixture.exec("CREATE VIEW kine AS SELECT id, name, created, deleted, create_revision, prev_revision, lease, " +
               kSlow + " AS value, old_value FROM rows");
  CHECK(has(verified(fixture), "kine is a view here, not an ordinary table"));
  fixture.exec("DROP VIEW kine; CREATE VIRTUAL TABLE kine USING fts5(name, value)");
  const std::string said = verified(fixture);
  CHECK(has(said, "kine is a virtual table here, not an ordinary table"));
  CHECK(has(said, "decode skipped"));
}

TEST_CASE("Expressions of columns, constraints and indexes are not evaluated") {
  const auto [name, statement] = GENERATE_COPY(table<std::string, std::string>({
      {"kine", kine_table("TEXT", "BLOB", ", CHECK (" + kSlow + " > 0)")},
      {"kine", kine_table("TEXT", "BLOB", ", CHECK (" + kLarge + " IS NOT name)")},
      {"kine", kine_table("TEXT", "BLOB", ", CHECK (" + kOutside + " IS NULL)")},
      {"kine", kine_table("TEXT", "BLOB", ", CHECK (name NOT LIKE '" + std::string(90, '%') + "a_a_a_a_a')")},
      {"kine", kine_table("TEXT", "BLOB AS (" + kSlow + ")")},
      {"kine", kine_table("TEXT", "BLOB AS (" + kLarge + ") STORED")},
      {"kine", kine_table("TEXT", "BLOB DEFAULT (" + kOutside + ")")},
      {"kine", kine_table("TEXT COLLATE nowhere", "BLOB")},
      {"kine_name_index", "CREATE INDEX kine_name_index ON kine (" + kSlow + ")"},
      {"kine_name_index", "CREATE INDEX kine_name_index ON kine (" + kLarge + ")"},
      {"kine_name_index", "CREATE INDEX kine_name_index ON kine (" + kOutside + ")"},
      {"kine_name_index", "CREATE INDEX kine_name_index ON kine (name) WHERE " + kSlow},
      {"kine_name_index",
       "CREATE INDEX kine_name_index ON kine (name) WHERE name IN (WITH RECURSIVE c(x) AS (SELECT 1 "
       "UNION ALL SELECT x + 1 FROM c) SELECT x FROM c)"},
      {"kine_name_index", "CREATE INDEX kine_name_index ON kine (name COLLATE nowhere)"},
  }));
  INFO(statement);
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec(as_sql_of(name, statement));
  const std::string said = verified(fixture);
  INFO(said);
  // A CHECK and a default change nothing that is read. What does is a finding.
  const bool safe = has(statement, "CHECK") || has(statement, "DEFAULT");
  CHECK((safe || has(said, "sqlite fail") || has(said, "schema fail")));
}

TEST_CASE("A table that is not stored as kine stores it, or where another lies, ends in a finding") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec("CREATE TABLE other AS SELECT * FROM kine");
  SECTION("a table at the root of another") {
    fixture.exec(
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name "
        "= "
        "'kine') WHERE name = 'other'");
  }
  SECTION("kine at the root of an index") {
    fixture.exec(
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name "
        "= "
        "'kine_name_index') WHERE name = 'kine'");
  }
  SECTION("kine without rowids") {
    fixture.exec("ALTER TABLE kine RENAME TO rows");
    fixture.exec(
        "CREATE TABLE kine (id INTEGER PRIMARY KEY, name TEXT, created INTEGER, deleted INTEGER, create_revision "
        "INTEGER, "
        "prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB) WITHOUT ROWID; "
        "INSERT INTO kine SELECT * FROM rows");
  }
  SECTION("a root beyond the file") {
    fixture.exec("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage = 1000000 WHERE name = 'kine'");
  }
  const std::string said = verified(fixture);
  INFO(said);
  CHECK((has(said, "sqlite fail") || has(said, "schema fail")));
}

TEST_CASE("A schema of a hundred thousand tables, or of ten megabytes of text, ends in a finding") {
  const VerifyFixture fixture;
  fixture.make();
  SECTION("tables") {
    fixture.exec(
        "PRAGMA writable_schema=ON; WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 100000) "
        "INSERT INTO sqlite_schema SELECT 'table', 't' || x, 't' || x, (SELECT rootpage FROM sqlite_schema WHERE name "
        "= "
        "'kine'), 'CREATE TABLE t' || x || ' (a)' FROM c");
  }
  SECTION("text") {
    fixture.exec(
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = sql || printf('%*s', 10000000, '-') WHERE name = "
        "'kine'");
  }
  SECTION("columns") {
    std::string columns;
    for (int i = 0; i < 1900; ++i) columns += fmt::format(", c{}", i);
    fixture.exec(as_sql_of("kine", kine_table("TEXT", "BLOB", columns)));
  }
  const std::string said = verified(fixture);
  INFO(said.substr(0, 4000));
  CHECK((has(said, "sqlite fail") || has(said, "schema fail")));
}

TEST_CASE("SQLite that takes too long is ended, which is no damage and no cancellation") {
  const VerifyFixture fixture;
  fixture.make();
  verifier::Database database(fixture.path(), std::chrono::milliseconds(50));
  verifier::Statement forever(database,
                              "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c");
  try {
    forever.step();
    FAIL("it came to an end");
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::timeout);
    CHECK(contains(error.what(), "took more than 1 s"));
  }
  CHECK(verifier::patience_for(0) == std::chrono::seconds(60));
  CHECK(verifier::patience_for(std::uint64_t{10} << 30U) > std::chrono::hours(1));
}
