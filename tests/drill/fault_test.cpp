#include "drill/fault.hpp"

#include <fstream>
#include <set>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"
#include "verifier/objects/content.hpp"

namespace {

constexpr std::string_view kUid = "d9c509c6-f7d7-4abe-9e85-f0c75239c9ea";

// A database of some hundred pages, with the uid of a cluster in some of its rows.
struct Twin {
  core::ScratchDir scratch;
  drill::Material material;
  std::string original;

  Twin() {
    material.database = scratch.path() / "state.db";
    material.token = verifier::parse_token("K10" + std::string(64, 'a') + "::server:secret\n");
    sql("CREATE TABLE kine (id INTEGER PRIMARY KEY, value BLOB);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
        "INSERT INTO kine SELECT i, hex(randomblob(500)) FROM n;"
        "UPDATE kine SET value = 'uid " +
        std::string(kUid) + "' WHERE id IN (7, 300);");
    original = core::read_file(material.database);
  }

  std::string sql(const std::string& statement) const {
    return core::run_command({{"sqlite3", material.database.string(), statement}}).out;
  }
  std::string bytes() const { return core::read_file(material.database); }
  void inflict(drill::Fault fault) { drill::inflict(fault, material, kUid); }
};

}  // namespace

TEST_CASE("each damage has a name, and five nights bring each of them once") {
  std::set<drill::Fault> seen;
  for (int night = 0; night < 5; ++night)
    seen.insert(drill::fault_of_night(core::UtcTime(std::chrono::hours(24 * (20'000 + night)))));
  CHECK(seen.size() == drill::kFaults.size());
  for (const drill::Fault fault : drill::kFaults) CHECK(drill::fault_named(drill::to_string(fault)) == fault);
  CHECK_FALSE(drill::fault_named("none"));
}

TEST_CASE_METHOD(Twin, "flipped bytes are a few, and the same ones each time") {
  inflict(drill::Fault::flipped_bytes);
  const std::string flipped = bytes();
  REQUIRE(flipped.size() == original.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < original.size(); ++i) count += flipped[i] != original[i] ? 1 : 0;
  CHECK(count > 50);
  CHECK(count <= 64);
  inflict(drill::Fault::flipped_bytes);
  CHECK(bytes() == original);
}

TEST_CASE_METHOD(Twin, "a wrong token differs in its password only") {
  const verifier::Token sound = *material.token;
  inflict(drill::Fault::wrong_token);
  CHECK(sound.password.view() == "secret");
  CHECK(material.token->password.view() == "secrex");
  CHECK(material.token->ca_hash == sound.ca_hash);
  CHECK(material.token->content.view() == "K10" + sound.ca_hash + "::server:secrex\n");
  CHECK(bytes() == original);
}

TEST_CASE_METHOD(Twin, "a truncated file ends at a page") {
  inflict(drill::Fault::truncated);
  CHECK(bytes().size() % 4096 == 0);
  CHECK(bytes().size() < original.size() * 3 / 4);
  CHECK(bytes().size() > original.size() / 2);
}

TEST_CASE_METHOD(Twin, "another cluster's file is sound, and nowhere has this cluster's uid") {
  inflict(drill::Fault::another_cluster);
  CHECK(sql("PRAGMA integrity_check") == "ok\n");
  CHECK(bytes().find(kUid) == std::string::npos);
  const std::string other = sql("SELECT DISTINCT substr(value, 5) FROM kine WHERE id IN (7, 300)");
  CHECK(other.size() == kUid.size() + 1);
}

TEST_CASE("another cluster's uid is one that a cluster can have, whatever this cluster's version and variant") {
  for (const char version : {'4', '8'}) {
    for (const char variant : {'8', '9', 'a', 'b'}) {
      std::string uid(kUid);
      uid[14] = version;
      uid[19] = variant;
      INFO(uid);
      Twin twin;
      twin.sql("UPDATE kine SET value = 'uid " + uid + "' WHERE id = 7");
      drill::inflict(drill::Fault::another_cluster, twin.material, uid);
      const std::string other = twin.sql("SELECT substr(value, 5) FROM kine WHERE id = 7").substr(0, uid.size());
      CHECK(other.size() == uid.size());
      CHECK(other != uid);
      CHECK_FALSE(verifier::is_almost_uuid(other, verifier::Giver::api_server));
    }
  }
}

TEST_CASE_METHOD(Twin, "a stale WAL is one that SQLite takes for its own") {
  inflict(drill::Fault::stale_wal);
  CHECK(bytes() == original);
  CHECK(sql("PRAGMA integrity_check") != "ok\n");
  std::filesystem::remove(material.database.string() + "-wal");
  core::write_new_file(scratch.path() / "again.db", original);
  CHECK(core::run_command({{"sqlite3", (scratch.path() / "again.db").string(), "PRAGMA integrity_check"}}).out ==
        "ok\n");
}

TEST_CASE_METHOD(Twin, "what cannot be damaged is said") {
  CHECK_THROWS_AS(drill::inflict(drill::Fault::another_cluster, material, "00000000-0000-0000-0000-000000000000"),
                  core::Error);
  CHECK_THROWS_AS(drill::inflict(drill::Fault::another_cluster, material, ""), core::Error);
  material.token.reset();
  CHECK_THROWS_AS(inflict(drill::Fault::wrong_token), core::Error);
  std::ofstream(material.database) << "no database";
  CHECK_THROWS_AS(inflict(drill::Fault::flipped_bytes), core::Error);
}
