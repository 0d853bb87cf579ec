// What somebody, or a broken disk, has put in the place of a store's files: pipes, sockets, directories, links, endless
// and huge files. Each is told and none is waited for.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "core/error.hpp"
#include "core/fd.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/store/shelf.hpp"

using shelf::hour;
using shelf::Shelf;

namespace {

struct Kind {
  const char* name;
  std::function<void(const std::filesystem::path&)> put;
};

void put_socket(const std::filesystem::path& path) {
  const std::filesystem::path shorter = std::filesystem::temp_directory_path() / ("s" + std::to_string(::getpid()));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  shorter.string().copy(address.sun_path, sizeof address.sun_path - 1);
  const core::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  std::filesystem::rename(shorter, path);
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"a pipe", [](const auto& path) { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }},
      {"a socket", put_socket},
      {"a directory", [](const auto& path) { std::filesystem::create_directory(path); }},
      {"a link to a device", [](const auto& path) { std::filesystem::create_symlink("/dev/zero", path); }},
      {"a link to a file", [](const auto& path) { std::filesystem::create_symlink("/etc/hostname", path); }},
      {"a link to itself", [](const auto& path) { std::filesystem::create_symlink(path.filename(), path); }},
      {"a terabyte",
       [](const auto& path) {
         std::ofstream(path).put('{');
         std::filesystem::resize_file(path, std::uintmax_t{1} << 40U);
       }},
  };
  return all;
}

// Ends the test, and says where it hung.
struct Deadline {
  explicit Deadline(unsigned seconds) { ::alarm(seconds); }
  ~Deadline() { ::alarm(0); }
};

}  // namespace

TEST_CASE_METHOD(Shelf, "whatever lies in the place of a snapshot's file is told, and nothing waits for it") {
  add_day(0, 1);
  const std::filesystem::path directory = root / "edge" / hour(1);
  const std::string packed_file = packed(hour(1)).filename();
  for (const Kind& kind : kinds()) {
    for (const std::string& file : {std::string("manifest.json"), std::string("token"), packed_file}) {
      INFO(kind.name << " in the place of " << file);
      const Deadline deadline(20);
      std::filesystem::rename(directory / file, directory / "aside");
      kind.put(directory / file);
      const store::Snapshot found = store.list("edge").at(1);
      CHECK(found.lost);
      CHECK_FALSE(found.unreadable);
      if (file != "token") CHECK_THROWS_AS(extract(hour(1)), core::Error);
      CHECK(extract(hour(0)) == shelf::database_at(0));
      std::filesystem::remove_all(directory / file);
      std::filesystem::rename(directory / "aside", directory / file);
      std::filesystem::remove(directory / "damage.json");
      CHECK_FALSE(store.list("edge").at(1).lost);
      CHECK(extract(hour(1)) == shelf::database_at(1));
    }
  }
}

TEST_CASE_METHOD(Shelf, "whatever lies in the place of evidence is no proof, and nothing waits for it") {
  add_day(0, 0);
  for (const Kind& kind : kinds()) {
    for (const store::Evidence evidence : {store::Evidence::verify, store::Evidence::run}) {
      const char* const file = evidence == store::Evidence::verify ? "verify.json" : "run.json";
      INFO(kind.name << " in the place of " << file);
      const Deadline deadline(20);
      const std::filesystem::path path = root / "edge" / hour(0) / file;
      kind.put(path);
      const store::Snapshot found = store.find("edge/latest");
      CHECK_FALSE(found.lost);
      CHECK_FALSE(found.verified);
      CHECK_FALSE(found.drilled);
      prove(hour(0), evidence, "pass");
      CHECK(store.find("edge/latest").verified);
      std::filesystem::remove_all(path);
    }
  }
}

TEST_CASE_METHOD(Shelf,
                 "whatever lies in the place of a cluster's own files, snapshots are read, and nothing waits for it") {
  add_day(0, 0);
  for (const Kind& kind : kinds()) {
    for (const char* file : {"series.json", "drills.jsonl", ".lock"}) {
      INFO(kind.name << " in the place of " << file);
      const Deadline deadline(20);
      const std::filesystem::path path = root / "edge" / file;
      std::filesystem::remove(path);
      kind.put(path);
      CHECK(extract(hour(0)) == shelf::database_at(0));
      if (file == std::string("drills.jsonl") && kind.name != std::string("a terabyte"))
        CHECK_THROWS_AS(store.drills("edge"), core::Error);
      if (file == std::string(".lock") && kind.name != std::string("a terabyte"))
        CHECK_THROWS_AS(store.lock("edge"), core::Error);
      std::filesystem::remove_all(path);
    }
  }
}

TEST_CASE_METHOD(Shelf, "a store, and a cluster in it, may lie behind a link") {
  add_day(0, 0);
  std::filesystem::rename(root / "edge", scratch.path() / "elsewhere");
  std::filesystem::create_directory_symlink(scratch.path() / "elsewhere", root / "edge");
  std::filesystem::create_directory_symlink(root, scratch.path() / "link");
  store::Store linked(scratch.path() / "link");
  CHECK(linked.find("edge/latest").full_name() == "edge/" + hour(0));
  CHECK(extract(hour(0)) == shelf::database_at(0));
  add_day(1, 1);
  CHECK(extract(hour(1)) == shelf::database_at(1));
}

TEST_CASE_METHOD(Shelf, "links to themselves, whatever they are called, keep nobody from the snapshots beside them") {
  add_day(0, 0);
  for (const std::string& name : {std::string("edge/foo"), "edge/" + hour(1), std::string("other")})
    std::filesystem::create_symlink(std::filesystem::path(name).filename(), root / name);
  CHECK(store.clusters() == std::vector<std::string>{"edge"});
  CHECK(names() == std::vector<std::string>{hour(0)});
  CHECK(store.without_manifest("edge").empty());
  add_day(2, 2);
  CHECK(extract(hour(2)) == shelf::database_at(2));
}

TEST_CASE_METHOD(Shelf, "a directory that has lost its manifest is no snapshot, and is said") {
  add_day(0, 1);
  std::filesystem::remove(root / "edge" / hour(0) / "manifest.json");
  CHECK(names() == std::vector<std::string>{hour(1)});
  CHECK(store.without_manifest("edge") == std::vector<std::string>{hour(0)});
}
