// How databases lie in the store: packed, in short chains, brought back bit for bit, and lost as a day when damaged.
#include <fstream>
#include <map>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/process.hpp"
#include "core/sha256.hpp"
#include "store/chain.hpp"
#include "store/manifest.hpp"
#include "tests/catch.hpp"
#include "tests/store/shelf.hpp"

using Catch::Contains;
using shelf::database_at;
using shelf::hour;
using shelf::Shelf;

namespace {

core::ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    return error.kind();
  }
  FAIL("nothing was thrown");
  return core::ErrorKind::usage;
}

}  // namespace

TEST_CASE_METHOD(Shelf, "every hour of a day comes back bit for bit, from a keyframe and at most one step between") {
  add_day(0, 23);
  std::map<std::string, std::string> bases;
  std::uint64_t stored_bytes = 0;
  for (const store::Snapshot& snapshot : store.list("edge")) {
    bases[snapshot.manifest.name] = snapshot.manifest.database.base;
    stored_bytes += snapshot.manifest.database.size_bytes;
    CHECK_FALSE(snapshot.lost);
  }
  for (int h = 0; h < 24; ++h) {
    CHECK(extract(hour(h)) == database_at(h));
    int others = 0;
    for (std::string base = bases.at(hour(h)); !base.empty(); base = bases.at(base)) {
      CHECK(base < hour(h));
      ++others;
    }
    CHECK(others <= 2);
    CHECK((others == 0) == (h == 0));
  }
  CHECK(stored_bytes < (256U << 10U) + 24U * 24'000U);
}

TEST_CASE_METHOD(Shelf, "a new day begins with a keyframe, whatever the clock of this machine says") {
  add("20261101T235959Z", database_at(1));
  add("20261102T000000Z", database_at(1));
  add("20261031T120000Z", database_at(1));
  for (const store::Snapshot& snapshot : store.list("edge")) CHECK(snapshot.manifest.database.base.empty());
}

TEST_CASE_METHOD(Shelf, "databases of every size are packed and come back, the empty one too") {
  int h = 0;
  for (const std::size_t size : {0U, 1U, 4096U, 131072U, 131073U, 1048576U}) {
    const std::string content = shelf::noise(size, 7);
    add(hour(h), content);
    CHECK(extract(hour(h)) == content);
    ++h;
  }
  CHECK(extract(hour(2)).size() == 4096);
}

TEST_CASE_METHOD(Shelf, "the stock zstd brings every file back") {
  add_day(0, 5);
  const core::ScratchDir out;
  for (const store::Snapshot& snapshot : store.list("edge")) {
    const auto& [file, size_bytes, sha256, base] = snapshot.manifest.database;
    std::vector<std::string> command{"zstd", "-d", "-q", "--long=31"};
    if (!base.empty()) command.push_back("--patch-from=" + (out.path() / base).string());
    command.insert(command.end(), {snapshot.file(file).string(), "-o", (out.path() / snapshot.manifest.name).string()});
    const core::CommandResult result = core::run_command({command, std::chrono::seconds(30)});
    INFO(result.err);
    CHECK(result.exit_code == 0);
    CHECK(core::hash_file(out.path() / snapshot.manifest.name).sha256 == snapshot.manifest.find("state.db")->sha256);
  }
}

TEST_CASE_METHOD(Shelf, "a damaged keyframe loses its day, at once for all of it, and no other day") {
  add_day(0, 4);
  add("20261102T001700Z", database_at(5));
  shelf::flip(packed(hour(0)));
  CHECK(lost(hour(3)).empty());
  CHECK(kind_of([&] { extract(hour(4)); }) == core::ErrorKind::damaged);
  for (int h = 0; h < 5; ++h) CHECK_THAT(lost(hour(h)), Contains(hour(0)) && Contains("state.db.zst"));
  CHECK(lost("20261102T001700Z").empty());
  CHECK(extract("20261102T001700Z") == database_at(5));
}

TEST_CASE_METHOD(Shelf, "a damaged patch loses itself and what is made from it, and the next pull starts anew") {
  add_day(0, 3);
  const std::string step = store.find("edge/" + hour(2)).manifest.database.base;
  REQUIRE(step == hour(1));
  shelf::flip(packed(step));
  CHECK(kind_of([&] { extract(hour(2)); }) == core::ErrorKind::damaged);
  CHECK(lost(hour(0)).empty());
  CHECK_FALSE(lost(hour(1)).empty());
  CHECK_THAT(lost(hour(2)), Contains("it needs edge/" + hour(1)));
  CHECK(add(hour(7), database_at(7)).manifest.database.base.empty());
}

TEST_CASE_METHOD(Shelf,
                 "after damage was found the next snapshot of that day is a keyframe, and the others build on it") {
  add_day(0, 3);
  shelf::flip(packed(hour(0)));
  CHECK_THROWS_AS(extract(hour(3)), core::Error);
  CHECK(add(hour(4), database_at(4)).manifest.database.base.empty());
  CHECK(add(hour(5), database_at(5)).manifest.database.base == hour(4));
  CHECK(extract(hour(5)) == database_at(5));
}

TEST_CASE_METHOD(Shelf, "damage that a pull meets is written down, and the pull goes on without that day") {
  add("20261031T231700Z", database_at(0));
  add_day(0, 2);
  shelf::flip(packed(hour(0)));
  {
    store::Incoming incoming = store.receive("edge");
    const auto base = incoming.unpack_newest();
    REQUIRE(base);
    CHECK(base->manifest.name == "20261031T231700Z");
    CHECK(core::read_file(incoming.image()) == database_at(0));
  }
  CHECK_FALSE(lost(hour(2)).empty());
  shelf::flip(packed("20261031T231700Z"));
  store::Incoming incoming = store.receive("edge");
  CHECK_FALSE(incoming.unpack_newest());
  CHECK_FALSE(std::filesystem::exists(incoming.image()));
}

TEST_CASE_METHOD(Shelf, "damage that only the packing meets makes a keyframe of what is packed") {
  add_day(0, 2);
  shelf::flip(packed(hour(0)));
  const store::Snapshot added = add(hour(3), database_at(3));
  CHECK(added.manifest.database.base.empty());
  CHECK(extract(hour(3)) == database_at(3));
  CHECK_FALSE(lost(hour(2)).empty());
}

TEST_CASE_METHOD(Shelf, "a missing, a shorter and a longer file are seen without reading any") {
  add_day(0, 3);
  const std::filesystem::path file = packed(hour(0));
  const std::string content = core::read_file(file);
  std::ofstream(file, std::ios::binary) << content.substr(1);
  CHECK_THAT(lost(hour(3)), Contains("stored were"));
  std::ofstream(file, std::ios::binary) << content << 'x';
  CHECK_THAT(lost(hour(3)), Contains("stored were"));
  std::filesystem::remove(file);
  CHECK_THAT(lost(hour(3)), Contains("state.db.zst is missing"));
  CHECK(kind_of([&] { extract(hour(3)); }) == core::ErrorKind::damaged);
  std::ofstream(file, std::ios::binary) << content;
  CHECK(extract(hour(3)) == database_at(3));
  std::filesystem::remove_all(root / "edge" / hour(0));
  CHECK_THAT(lost(hour(3)), Contains("which is not there"));
}

TEST_CASE_METHOD(Shelf, "a snapshot without its token is lost, but not what is made from its database") {
  add_day(0, 1);
  std::filesystem::remove(root / "edge" / hour(0) / "token");
  CHECK_THAT(lost(hour(0)), Contains("token is missing"));
  CHECK(store.find("edge/" + hour(0)).unrestorable == "token is missing");
  CHECK(lost(hour(1)).empty());
}

TEST_CASE_METHOD(Shelf, "a file that was put right is found whole again by the next that reads it") {
  add_day(0, 2);
  const std::string content = core::read_file(packed(hour(0)));
  shelf::flip(packed(hour(0)));
  CHECK_THROWS_AS(extract(hour(2)), core::Error);
  std::ofstream(packed(hour(0)), std::ios::binary) << content;
  CHECK_FALSE(lost(hour(2)).empty());
  CHECK(extract(hour(2)) == database_at(2));
  for (int h = 0; h < 3; ++h) CHECK(lost(hour(h)).empty());
}

TEST_CASE_METHOD(Shelf, "every byte of a packed file counts: no flip and no cut comes through as another database") {
  add(hour(0), shelf::noise(600, 3));
  add(hour(1), shelf::noise(600, 3) + "tail");
  for (int h = 0; h < 2; ++h) {
    const std::filesystem::path file = packed(hour(h));
    const std::string content = core::read_file(file);
    for (std::size_t at = 0; at < content.size(); ++at) {
      std::string damaged = content;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      std::ofstream(file, std::ios::binary) << damaged;
      INFO("byte " << at << " of " << content.size());
      CHECK(kind_of([&] { extract(hour(h)); }) == core::ErrorKind::damaged);
      std::ofstream(file, std::ios::binary) << content.substr(0, at);
      CHECK(kind_of([&] { extract(hour(h)); }) == core::ErrorKind::damaged);
    }
    std::ofstream(file, std::ios::binary) << content;
    CHECK(extract(hour(h)).size() == (h == 0 ? 600U : 604U));
  }
}

TEST_CASE_METHOD(Shelf, "a manifest that makes a chain longer, or a circle, is damage and no endless way") {
  add_day(0, 2);
  REQUIRE(store.find("edge/" + hour(2)).manifest.database.base == hour(1));
  store::Manifest manifest = store.find("edge/" + hour(0)).manifest;
  manifest.database.file = "state.db.patch.zst";
  manifest.database.base = hour(2);
  std::filesystem::rename(root / "edge" / hour(0) / "state.db.zst", root / "edge" / hour(0) / "state.db.patch.zst");
  std::ofstream(root / "edge" / hour(0) / "manifest.json") << store::to_json(manifest);
  CHECK_THAT(lost(hour(0)), Contains("it needs edge/" + hour(2)));
  CHECK(kind_of([&] { extract(hour(2)); }) == core::ErrorKind::damaged);
}

TEST_CASE_METHOD(Shelf, "a store of before packing is read on, and built on") {
  const std::filesystem::path old = root / "edge" / hour(0);
  std::filesystem::create_directories(old);
  std::ofstream(old / "state.db", std::ios::binary) << database_at(0);
  std::ofstream(old / "manifest.json")
      << R"({"schema": "k3s-drill/snapshot/1", "cluster": "edge", "name": "20261101T001700Z", "taken_at":
      "2026-11-01T00:17:00Z", "method": "sqlite3", "node": {"k3s_version": "", "arch": "", "sqlite_version": ""},
      "bundle": [{"path": "state.db", "size_bytes": )"
      << database_at(0).size() << R"(, "sha256": ")" << core::sha256_hex(database_at(0)) << R"("}]})";
  CHECK(extract(hour(0)) == database_at(0));
  CHECK(add(hour(1), database_at(1)).manifest.database.base == hour(0));
  CHECK(extract(hour(1)) == database_at(1));
  shelf::flip(old / "state.db");
  CHECK(kind_of([&] { extract(hour(1)); }) == core::ErrorKind::damaged);
  CHECK_FALSE(lost(hour(0)).empty());
}

TEST_CASE_METHOD(Shelf, "extracting never overwrites, leaves no half file, and writes for the owner alone") {
  add_day(0, 1);
  const std::filesystem::path out = scratch.path() / "out.db";
  std::ofstream(out) << "mine";
  CHECK_THROWS_AS(store.extract(store.find("edge/" + hour(1)), out), core::Error);
  CHECK(core::read_file(out) == "mine");
  CHECK(lost(hour(1)).empty());
  std::filesystem::remove(out);
  store.extract(store.find("edge/" + hour(1)), out);
  CHECK((std::filesystem::status(out).permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  std::filesystem::remove(out);
  shelf::flip(packed(hour(0)));
  CHECK_THROWS_AS(store.extract(store.find("edge/" + hour(1)), out), core::Error);
  CHECK_FALSE(std::filesystem::exists(out));
}

TEST_CASE_METHOD(Shelf, "nothing in a store is for other eyes, damage notes included") {
  add_day(0, 2);
  shelf::flip(packed(hour(0)));
  CHECK_THROWS_AS(extract(hour(2)), core::Error);
  prove(hour(1), store::Evidence::verify, "pass");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    INFO(entry.path());
    CHECK((entry.status().permissions() & (std::filesystem::perms::group_all | std::filesystem::perms::others_all)) ==
          std::filesystem::perms::none);
  }
}

TEST_CASE_METHOD(Shelf, "a lost snapshot is still the latest, and never the newest that is proven") {
  add("20261031T231700Z", database_at(0));
  add_day(0, 1);
  prove("20261031T231700Z", store::Evidence::run, "pass");
  prove(hour(1), store::Evidence::run, "pass");
  CHECK(store.find("edge/proven").manifest.name == hour(1));
  std::filesystem::remove(packed(hour(0)));
  CHECK(store.find("edge/proven").manifest.name == "20261031T231700Z");
  CHECK(store.find("edge/latest").manifest.name == hour(1));
  CHECK(store.find("edge/latest").lost);
}

TEST_CASE_METHOD(Shelf, "a manifest that promises ten gigabytes of a small frame takes no room for them") {
  add_day(5, 5);
  const std::filesystem::path manifest = root / "edge" / hour(5) / "manifest.json";
  std::string text = core::read_file(manifest);
  const std::string size = "\"size_bytes\": " + std::to_string(database_at(5).size());
  const std::size_t at = text.find(size);
  REQUIRE(at != std::string::npos);
  text.replace(at, size.size(), "\"size_bytes\": 1000000000000000");  // more than any disk has
  std::ofstream(manifest, std::ios::trunc) << text;
  CHECK_THROWS_WITH(extract(hour(5)), Contains("its manifest says 1000000000000000"));
}
