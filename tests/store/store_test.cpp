#include "store/store.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "core/sha256.hpp"
#include "store/incoming.hpp"
#include "store/manifest.hpp"
#include "store/retention.hpp"
#include "tests/catch.hpp"

namespace {

mode_t mode_of(const std::filesystem::path& path) {
  struct stat facts {};
  ::stat(path.c_str(), &facts);
  return facts.st_mode & 07777;
}

store::Manifest manifest(core::UtcTime taken_at) {
  store::Manifest made;
  made.taken_at = taken_at;
  made.method = "sqlite3";
  made.k3s_version = "v1.36.2+k3s1";
  made.arch = "x86_64";
  made.sqlite_version = "3.40.1";
  return made;
}

// The vocabulary: a store in a scratch directory, and snapshots put into it.
struct Fixture {
  core::ScratchDir scratch;
  std::filesystem::path root = scratch.path() / "store";
  store::Store store{root};

  store::Snapshot add(const std::string& name, const std::string& content = "database") {
    store::Incoming incoming = store.receive("edge");
    core::write_new_file(incoming.image(), content);
    incoming.add("token", "secret");
    return incoming.commit(manifest(*core::parse_compact(name)), core::hash_file(incoming.image()),
                           store::Arrival::imported);
  }
  void prove(const std::string& name, store::Evidence kind, const std::string& verdict) {
    store.keep_evidence(store.find("edge/" + name), kind,
                        R"({"verdict": ")" + verdict + R"(", "started_at": "2026-11-24T02:00:00Z"})");
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const store::Snapshot& snapshot : store.list("edge")) result.push_back(snapshot.manifest.name);
    return result;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a committed snapshot is listed with its files, hashes and private modes") {
  const store::Snapshot added = add("20261123T231700Z");
  const store::Snapshot found = store.find("edge/latest");
  CHECK(found.full_name() == "edge/20261123T231700Z");
  CHECK(found.manifest.find("state.db")->sha256 == core::sha256_hex("database"));
  CHECK(found.manifest.database.sha256 == core::hash_file(found.file("state.db.zst")).sha256);
  CHECK_FALSE(std::filesystem::exists(found.file("state.db")));
  CHECK(found.manifest.find("token")->size_bytes == 6);
  CHECK(found.manifest.k3s_version == "v1.36.2+k3s1");
  CHECK(mode_of(root) == 0700);
  CHECK(mode_of(found.directory) == 0700);
  for (const auto& entry : std::filesystem::directory_iterator(found.directory)) CHECK(mode_of(entry.path()) == 0600);
}

TEST_CASE_METHOD(Fixture, "a snapshot that is not committed leaves nothing") {
  {
    store::Incoming incoming = store.receive("edge");
    core::write_new_file(incoming.image(), "half");
    CHECK(names().empty());
  }
  CHECK(std::filesystem::is_empty(root / "edge"));
}

TEST_CASE_METHOD(Fixture, "what a killed pull left is removed by the next") {
  std::filesystem::create_directories(root / "edge/.incoming-20261123T221700Z");
  std::ofstream(root / "edge/.incoming-20261123T221700Z/state.db") << "half";
  std::filesystem::create_directories(root / "edge/.removed-20261101T221700Z");
  add("20261123T231700Z");
  CHECK_FALSE(std::filesystem::exists(root / "edge/.incoming-20261123T221700Z"));
  CHECK_FALSE(std::filesystem::exists(root / "edge/.removed-20261101T221700Z"));
}

TEST_CASE_METHOD(Fixture, "a file that changes before it is committed is refused") {
  store::Incoming incoming = store.receive("edge");
  core::write_new_file(incoming.image(), "database");
  const core::CopiedFile image = core::hash_file(incoming.image());
  incoming.add("token", "secret");
  std::ofstream(incoming.image().parent_path() / "token") << "sekret";
  CHECK_THROWS_WITH(incoming.commit(manifest(core::utc_now()), image, store::Arrival::captured),
                    Catch::Contains("reads back differently"));
  std::ofstream(incoming.image().parent_path() / "token") << "secret";
  std::ofstream(incoming.image()) << "databasf";
  CHECK_THROWS_WITH(incoming.commit(manifest(core::utc_now()), image, store::Arrival::captured),
                    Catch::Contains("announced were 8 with"));
  CHECK(names().empty());
}

TEST_CASE_METHOD(Fixture, "two snapshots of one second are refused rather than mixed") {
  add("20261123T231700Z");
  CHECK_THROWS_WITH(add("20261123T231700Z"), Catch::Contains("already there"));
}

TEST_CASE_METHOD(Fixture, "a cluster is locked against a second process and free again when that dies") {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t other = ::fork();
  if (other == 0) {
    const store::ClusterLock lock = store.lock("edge");
    [[maybe_unused]] auto put = ::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK_THROWS_WITH(store.lock("edge"), Catch::Contains("process " + std::to_string(other)));
  store.lock("other");
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  CHECK_NOTHROW(store.lock("edge"));
}

TEST_CASE_METHOD(Fixture, "retention keeps the newest, and the newest that passed a drill and a verification") {
  for (const char* name :
       {"20261120T001700Z", "20261121T001700Z", "20261122T001700Z", "20261123T001700Z", "20261124T001700Z"})
    add(name);
  prove("20261120T001700Z", store::Evidence::run, "pass");
  prove("20261121T001700Z", store::Evidence::verify, "pass");
  prove("20261122T001700Z", store::Evidence::run, "fail");
  const store::ClusterLock lock = store.lock("edge");
  store::RetentionRules rules;
  rules.last = 2;
  store.apply_retention("edge", rules);
  CHECK(names() ==
        std::vector<std::string>{"20261120T001700Z", "20261121T001700Z", "20261123T001700Z", "20261124T001700Z"});
  rules.last = 0;
  store.apply_retention("edge", rules);
  CHECK(names() == std::vector<std::string>{"20261120T001700Z", "20261121T001700Z", "20261124T001700Z"});
}

TEST_CASE_METHOD(Fixture, "latest, proven and a plain name are found, and what is not there is said with what is") {
  CHECK_THROWS_WITH(store.find("latest"), Catch::Contains("the store has 0"));
  CHECK_THROWS_WITH(store.find("edge/latest"), Catch::Contains("run drill pull first"));
  add("20261123T231700Z");
  add("20261124T001700Z");
  CHECK(store.find("latest").manifest.name == "20261124T001700Z");
  CHECK_THROWS_WITH(store.find("edge/proven"), Catch::Contains("no snapshot of edge has passed a drill yet"));
  prove("20261123T231700Z", store::Evidence::run, "pass");
  CHECK(store.find("proven").manifest.name == "20261123T231700Z");
  CHECK(store.find("edge/20261123T231700Z").drilled->verdict == "pass");
  CHECK_THROWS_WITH(store.find("edge/20200101T000000Z"), Catch::Contains("drill list edge shows the 2 there are"));
  CHECK_THROWS_AS(store.find("../edge/latest"), core::Error);
  CHECK_THROWS_AS(store.find("..//etc"), core::Error);
}

TEST_CASE_METHOD(Fixture, "a drill that passed is the newest verification, and one that did not says nothing of that") {
  add("20261123T231700Z");
  prove("20261123T231700Z", store::Evidence::run, "fail");
  CHECK_FALSE(store.find("latest").verified);
  prove("20261123T231700Z", store::Evidence::run, "pass");
  CHECK(store.find("latest").verified->verdict == "pass");
  CHECK(store.find("latest").verified_by_drill());
}

TEST_CASE_METHOD(Fixture, "what was inconclusive does not replace a proof, and what failed does") {
  add("20261123T231700Z");
  prove("20261123T231700Z", store::Evidence::run, "inconclusive");
  CHECK(store.find("latest").drilled->verdict == "inconclusive");
  prove("20261123T231700Z", store::Evidence::run, "pass");
  prove("20261123T231700Z", store::Evidence::run, "inconclusive");
  CHECK(store.find("latest").drilled->verdict == "pass");
  prove("20261123T231700Z", store::Evidence::run, "fail");
  CHECK(store.find("latest").drilled->verdict == "fail");
}

TEST_CASE_METHOD(Fixture, "a night that failed for another snapshot's sake still proves the one that was restored") {
  const store::Snapshot added = add("20261123T231700Z");
  store.keep_evidence(
      added, store::Evidence::run,
      R"({"verdict": "fail", "started_at": "2026-11-24T02:00:00Z", "snapshot": {"name": "edge/20261123T231700Z", "verdict": "pass"}})");
  CHECK(store.find("edge/proven").manifest.name == "20261123T231700Z");
}

TEST_CASE_METHOD(Fixture,
                 "a directory without a manifest is no snapshot and one with a broken manifest is named as damaged") {
  add("20261123T231700Z");
  std::filesystem::create_directory(root / "edge/20261123T221700Z");
  CHECK(names() == std::vector<std::string>{"20261123T231700Z"});
  for (const char* text : {"", "{", "[]", R"({"schema": "k3s-drill/snapshot/9"})", R"({"schema": 5})"}) {
    std::ofstream(root / "edge/20261123T231700Z/manifest.json") << text;
    CHECK(store.list("edge").at(0).damage.has_value());
    CHECK_THROWS_AS(store.find("edge/latest"), core::Error);
  }
}

TEST_CASE("a manifest survives the way to JSON and back, and a bundle path that leaves its directory does not") {
  store::Manifest made = manifest(*core::parse_compact("20261123T231700Z"));
  made.name = "20261123T231700Z";
  made.bundle = {{"state.db", 42, std::string(64, 'a')}};
  const store::Manifest read = store::manifest_from_json(store::to_json(made));
  CHECK(read.taken_at == made.taken_at);
  CHECK(read.find("state.db")->size_bytes == 42);
  CHECK(read.find("token") == nullptr);
  for (const char* path : {"../etc/passwd", "/etc/passwd", "..", "", "a/b"}) {
    made.bundle[0].path = path;
    CHECK_THROWS_AS(store::manifest_from_json(store::to_json(made)), core::Error);
  }
}

TEST_CASE("a manifest of numbers or depths that none has is damaged, in few words") {
  store::Manifest made = manifest(*core::parse_compact("20261123T231700Z"));
  made.bundle = {{"state.db", 42, std::string(64, 'a')}};
  const std::string sound = store::to_json(made);
  for (const char* size : {"-1", "42.5", "1e300", "18446744073709551616", "\"42\"", "null"}) {
    std::string changed = sound;
    changed.replace(changed.find("42,"), 2, size);
    INFO(size);
    CHECK_THROWS_AS(store::manifest_from_json(changed), core::Error);
  }
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  for (const std::string& schema : {deep, "\"" + std::string(100'000, 'x') + "\""}) {
    try {
      store::manifest_from_json("{\"schema\":" + schema + "}");
      FAIL("taken");
    } catch (const core::Error& error) {
      CHECK(error.kind() == core::ErrorKind::damaged);
      CHECK(std::string(error.what()).size() < 200);
    }
  }
}

TEST_CASE("evidence that a killed writer left half way is removed with the next evidence, and a living one's is not") {
  Fixture fixture;
  const std::filesystem::path older = fixture.add("20261124T010000Z").directory;
  fixture.add("20261124T020000Z", "newer");
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  const std::filesystem::path abandoned = older / ("run.json." + std::to_string(dead) + ".tmp");
  const std::filesystem::path passing = older / ("verify.json." + std::to_string(::getpid()) + ".tmp");
  core::write_new_file(abandoned, "{");
  core::write_new_file(passing, "{");

  fixture.prove("20261124T010000Z", store::Evidence::run, "pass");

  CHECK_FALSE(std::filesystem::exists(abandoned));
  CHECK(std::filesystem::exists(passing));
}
