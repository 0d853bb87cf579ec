// A snapshot is untrusted bytes: whatever they are, verify() comes back with a result.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/sealed_row_vector.hpp"
#include "tests/verifier/verify_fixture.hpp"

namespace {

void make_crowded(const VerifyFixture& fixture) {
  fixture.make([](kine::Database& database) {
    for (int i = 0; i < 60; ++i) {
      const std::string name = fmt::format("c{:03}", i);
      const kine::Meta meta{"v1", "ConfigMap", name, "default", "u" + name};
      database.create("/registry/configmaps/default/" + name,
                      i % 2 == 0
                          ? kine::protobuf(meta, kine::field(2, std::string(static_cast<std::size_t>(i) * 150, 'v')))
                          : kine::json(meta, R"(,"data":{"a":")" + std::string(500, 'j') + "\"}"));
    }
    database.create(vector::kKey, vector::kSealed);
  });
}

void check_equations(const verifier::Verification& result) {
  std::uint64_t by_resource = 0;
  for (const auto& entry : result.census.by_resource) by_resource += entry.second;
  CHECK(result.census.objects_total == by_resource);
  CHECK(result.census.objects_total == result.objects.size());
  CHECK(result.checks.size() == 14);
}

}  // namespace

TEST_CASE("Bits flipped at random positions never keep verify() from a result") {
  const VerifyFixture sound;
  make_crowded(sound);
  const std::string bytes = sound.bytes();
  const std::string hash = core::hash_file(sound.path()).sha256;
  const VerifyFixture fixture;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    std::string damaged = bytes;
    const int flips = seed % 3 == 0 ? 200 : 1;
    for (int i = 0; i < flips; ++i) {
      const std::size_t at = random() % (seed % 2 == 0 ? damaged.size() : 8192);
      damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1U << (random() % 8)));
    }
    if (damaged == bytes) continue;
    fixture.replace(damaged);
    const auto result = fixture.verify(vector::kPassword, hash);
    CHECK(check_named(result, "hash").verdict == core::CheckVerdict::fail);
    check_equations(result);
  }
}

TEST_CASE("Pages zeroed, swapped or filled with noise never keep verify() from a result") {
  const VerifyFixture sound;
  make_crowded(sound);
  const std::string bytes = sound.bytes();
  const std::size_t pages = bytes.size() / 4096;
  const VerifyFixture fixture;
  for (std::uint32_t seed = 1; seed <= 90; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    std::string damaged = bytes;
    const std::size_t one = random() % pages * 4096;
    const std::size_t two = random() % pages * 4096;
    if (seed % 3 == 0) damaged.replace(one, 4096, std::string(4096, '\0'));
    if (seed % 3 == 1) damaged.replace(one, 4096, bytes.substr(two, 4096));
    if (seed % 3 == 2)
      for (std::size_t i = 0; i < 4096; ++i) damaged[one + i] = static_cast<char>(random());
    fixture.replace(damaged);
    check_equations(fixture.verify(vector::kPassword));
  }
}

TEST_CASE("A foreign schema runs nothing and hides nothing") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec(
      "CREATE TABLE pragma_table_info (name, type, pk); CREATE VIEW v AS SELECT load_extension('x') FROM kine");
  fixture.exec(
      "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX kine_name_index ON kine (name, '')' "
      "WHERE name = 'kine_name_index' AND 0");
  const auto result = fixture.verify();
  CHECK(check_named(result, "decode").verdict == core::CheckVerdict::pass);
  CHECK(contains(only_warning(result, "schema").message, "view named v"));
  fixture.exec("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'nonsense' WHERE name = 'kine_name_index'");
  const auto broken = fixture.verify();
  CHECK(check_named(broken, "sqlite").verdict == core::CheckVerdict::fail);
  CHECK(check_named(broken, "decode").verdict != core::CheckVerdict::pass);
}

TEST_CASE("A key of terminal codes and a thousand broken values end in short, plain findings") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/pods/default/\x1b[31m" + std::string(2000, 'k'), "canary-value");
    for (int i = 0; i < 1000; ++i) database.create(fmt::format("/registry/pods/default/z{:04}", i), "canary-value");
  });
  const auto result = fixture.verify();
  const core::Check& decode = check_named(result, "decode");
  CHECK(decode.verdict == core::CheckVerdict::fail);
  REQUIRE(decode.findings.size() == 21);
  CHECK(decode.findings.back().message == "... and 981 more");
  for (const core::Finding& finding : decode.findings) {
    CHECK_FALSE(contains(finding.message, "canary"));
    if (finding.key) CHECK_FALSE(contains(*finding.key, "\x1b"));
    if (finding.key) CHECK(finding.key->size() < 400);
  }
}

TEST_CASE("A value of a hundred megabytes ends in a finding and not in memory") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec("INSERT INTO kine VALUES (500, '/registry/pods/default/p', 1, 0, 0, 0, 0, zeroblob(100000000), NULL)");
  const auto result = fixture.verify();
  CHECK(check_named(result, "decode").verdict == core::CheckVerdict::fail);
  CHECK_FALSE(result.coverage.complete());
}

TEST_CASE("A check that cannot look says so, and is neither a pass nor a failure") {
  const VerifyFixture fixture;
  fixture.make();
  std::filesystem::path deep = fixture.path().parent_path();
  for (int i = 0; i < 4; ++i) deep /= std::string(200, 'd');  // longer than SQLite opens
  std::filesystem::create_directories(deep);
  std::filesystem::copy_file(fixture.path(), deep / "state.db");
  const auto result = verifier::verify({deep / "state.db", verifier::parse_token("token"), {}});
  CHECK(check_named(result, "file").verdict == core::CheckVerdict::pass);
  for (const char* name : {"sqlite", "schema"}) {
    CHECK(check_named(result, name).verdict == core::CheckVerdict::could_not_run);
    CHECK(contains(only_warning(result, name).message, "could not run to its end"));
  }
  for (const char* name : {"decode", "bootstrap"})
    CHECK(check_named(result, name).verdict == core::CheckVerdict::skipped);
  CHECK_FALSE(result.coverage.complete());
}
