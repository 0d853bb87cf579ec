// Who may work in a store: root in one of another's, whose owner may mean ill; and users who may not.
#include "store/access.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <map>

#include "core/file.hpp"
#include "store/retention.hpp"
#include "tests/catch.hpp"
#include "tests/store/shelf.hpp"

using Catch::Contains;
using shelf::database_at;
using shelf::hour;

#define NEEDS_ROOT()                                          \
  if (::geteuid() != 0) {                                     \
    WARN("test skipped: needs root to become somebody else"); \
    return;                                                   \
  }

namespace {

constexpr uid_t kNobody = 65534;

void give(const std::filesystem::path& path, uid_t user) { REQUIRE(::lchown(path.c_str(), user, user) == 0); }

void give_all(const std::filesystem::path& path, uid_t user) {
  give(path, user);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) give(entry.path(), user);
}

// A store that `nobody` owns, where everybody gets to it.
struct NobodysShelf : shelf::Shelf {
  NobodysShelf() {
    for (const auto& above : {scratch.path(), scratch.path().parent_path()})
      std::filesystem::permissions(above, std::filesystem::perms(0711));
    std::filesystem::create_directory(root);
    std::filesystem::permissions(root, std::filesystem::perms::owner_all);
    give(root, kNobody);
  }

  // What nobody says who runs `work`, which may throw.
  std::string as_nobody(const std::function<std::string()>& work) const {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      std::string said = "cannot become nobody";
      if (::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
          ::setresuid(kNobody, kNobody, kNobody) == 0) {
        try {
          said = work();
        } catch (const core::Error& error) {
          said = std::string(core::to_string(error.kind())) + ": " + error.what();
        }
      }
      [[maybe_unused]] const ssize_t put = ::write(pipe[1], said.data(), said.size());
      ::_exit(0);
    }
    ::close(pipe[1]);
    std::string said(4096, '\0');
    const ssize_t got = ::read(pipe[0], said.data(), said.size());
    said.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    ::close(pipe[0]);
    ::waitpid(child, nullptr, 0);
    return said;
  }
};

// Types what a message says to do, as root.
void type(const std::string& message, const std::string& command) {
  const std::size_t at = message.find(command);
  INFO(message);
  REQUIRE(at != std::string::npos);
  CHECK(std::system(message.substr(at).c_str()) == 0);
}

store::RetentionRules last_only() {
  store::RetentionRules rules;
  rules.last = 1;
  return rules;
}

}  // namespace

TEST_CASE_METHOD(NobodysShelf, "all that root puts into a store of another's is that user's") {
  NEEDS_ROOT();
  add_day(0, 3);
  prove(hour(3), store::Evidence::verify, "pass");
  store.note_drill("edge", "{}");
  store.begin_series("edge", {{"uid", "ca"}});
  shelf::flip(packed(hour(0)));
  CHECK_THROWS_AS(extract(hour(1)), core::Error);
  CHECK(std::filesystem::exists(root / "edge" / hour(0) / "damage.json"));
  store.receive("edge");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    struct stat facts {};
    REQUIRE(::lstat(entry.path().c_str(), &facts) == 0);
    INFO(entry.path());
    CHECK(facts.st_uid == kNobody);
    CHECK(facts.st_gid == kNobody);
  }
  CHECK(::geteuid() == 0);
  CHECK_NOTHROW(core::write_new_file(scratch.path() / "root's again", "x"));
  CHECK(as_nobody([&] {
          return std::to_string(store.list("edge").size()) + store.find("edge/latest").manifest.name;
        }) == "4" + hour(3));
}

TEST_CASE_METHOD(NobodysShelf, "no link in a store of another's leads root to where its owner may not write") {
  NEEDS_ROOT();
  add_day(0, 2);
  const store::Snapshot snapshot = store.find("edge/" + hour(2));
  const std::filesystem::path victim = scratch.path() / "victim";
  std::filesystem::create_directory(victim);
  core::write_new_file(victim / "file", "root's");
  const auto unharmed = [&] {
    struct stat directory {};
    struct stat file {};
    return ::stat(victim.c_str(), &directory) == 0 && ::stat((victim / "file").c_str(), &file) == 0 &&
           directory.st_uid == 0 && file.st_uid == 0 && core::read_file(victim / "file") == "root's" &&
           std::distance(std::filesystem::directory_iterator(victim), std::filesystem::directory_iterator()) == 1;
  };
  const auto everything = [&] {
    const std::map<std::string, std::function<void()>> works{
        {"lock", [&] { store.lock("edge"); }},
        {"add", [&] { add(hour(9), database_at(9)); }},
        {"evidence", [&] { store.keep_evidence(snapshot, store::Evidence::run, "{}"); }},
        {"history", [&] { store.note_drill("edge", "{}"); }},
        {"series",
         [&] {
           store.begin_series("edge", {{"uid", "ca"}});
         }},
        {"extract", [&] { store.extract(snapshot, scratch.path() / "out"); }},
        {"retention", [&] { store.apply_retention("edge", last_only()); }}};
    for (const auto& [name, work] : works) {
      INFO(name);
      try {
        work();
      } catch (const core::Error&) {  // refused is fine
      }
      CHECK(unharmed());
      std::filesystem::remove(scratch.path() / "out");
    }
  };
  const auto in_place_of = [&](const std::filesystem::path& path, const std::filesystem::path& target) {
    std::filesystem::remove_all(path);
    std::filesystem::create_symlink(target, path);
    give(path, kNobody);
  };
  for (const char* name : {"run.json", "damage.json"}) in_place_of(snapshot.directory / name, victim / "file");
  for (const char* name : {".lock", "drills.jsonl", "series.json"}) in_place_of(root / "edge" / name, victim / "file");
  std::filesystem::create_directory(root / "edge/.removed-20261001T001700Z");
  give(root / "edge/.removed-20261001T001700Z", kNobody);
  in_place_of(root / "edge/.removed-20261001T001700Z/here", victim);
  everything();
  in_place_of(snapshot.directory, victim);
  everything();
  in_place_of(root / "edge", victim);
  everything();
}

TEST_CASE_METHOD(NobodysShelf, "a lock that is a link or no file is refused, and what it leads to stays as it was") {
  NEEDS_ROOT();
  add_day(0, 0);
  const std::filesystem::path lock = root / "edge/.lock";
  core::write_new_file(root / "edge/mine", "mine");
  std::filesystem::remove(lock);
  std::filesystem::create_symlink(root / "edge/mine", lock);
  CHECK_THROWS_AS(store.lock("edge"), core::Error);
  CHECK(core::read_file(root / "edge/mine") == "mine");
  std::filesystem::remove(lock);
  REQUIRE(::mkfifo(lock.c_str(), 0600) == 0);
  give(lock, kNobody);
  CHECK_THROWS_WITH(store.lock("edge"), Contains("not a file"));
}

TEST_CASE_METHOD(NobodysShelf, "a snapshot that only root can read is named, and none takes its place unsaid") {
  NEEDS_ROOT();
  add_day(0, 3);
  const std::filesystem::path newest = root / "edge" / hour(3);
  give_all(newest, 0);
  const std::string listed = as_nobody([&] {
    std::string said;
    for (const store::Snapshot& one : store.list("edge"))
      said += one.manifest.name + ": " + (one.unreadable ? one.unreadable->what() : one.lost.value_or("whole")) + "\n";
    return said;
  });
  CHECK_THAT(listed, Contains(hour(2) + ": whole"));
  CHECK_THAT(listed, Contains(hour(3) + ": ") && Contains("it is root's and the store is nobody's"));
  const std::string latest = as_nobody([&] { return store.find("edge/latest").manifest.name; });
  CHECK_THAT(latest, Catch::StartsWith("denied: ") && Contains("chown -R nobody: " + newest.string()));
  CHECK(as_nobody([&] { return store.find("edge/" + hour(2)).manifest.name; }) == hour(2));
  const std::string pruned = as_nobody([&] {
    store.apply_retention("edge", last_only());
    return "pruned";
  });
  CHECK_THAT(pruned, Contains("nothing is removed, as edge/" + hour(3) + " may need it"));
  const auto checked = [&] {
    return as_nobody([&] {
      store.check_access();
      return "fine";
    });
  };
  type(checked(), "chown -R nobody: ");
  CHECK(checked() == "fine");
  CHECK(as_nobody([&] { return store.find("edge/latest").manifest.name; }) == hour(3));
  // A base that is root's alone: what is made from it is not lost.
  give_all(root / "edge" / hour(0), 0);
  CHECK_THAT(as_nobody([&] { return store.find("edge/latest").manifest.name; }),
             Catch::StartsWith("denied: it needs edge/" + hour(0)));
  // A whole cluster, as root's pulls made it once.
  give_all(root / "edge", 0);
  const std::string cure = "chown -R nobody: " + (root / "edge").string();
  CHECK_THAT(as_nobody([&] { return std::to_string(store.list("edge").size()); }), Contains(cure));
  CHECK_THAT(as_nobody([&] { return store.lock("edge"), std::string("locked"); }), Contains(cure));
  CHECK_THAT(checked(), Contains(cure));
  type(checked(), "chown -R nobody: ");
  CHECK(checked() == "fine");
}

TEST_CASE_METHOD(NobodysShelf, "while a proof cannot be read nothing is removed, as it may be the newest") {
  NEEDS_ROOT();
  add_day(0, 1);
  prove(hour(0), store::Evidence::run, "pass");
  REQUIRE(::chown((root / "edge" / hour(0) / "run.json").c_str(), 0, 0) == 0);
  CHECK_THAT(as_nobody([&] {
               store.plan_retention("edge", last_only());
               return std::string("planned");
             }),
             Contains("nothing is removed, as the proof of edge/" + hour(0)));
  CHECK(as_nobody([&] { return lost(hour(0)) + "whole"; }) == "whole");
}

TEST_CASE_METHOD(NobodysShelf, "a store that its user may not write to says whose it is, who asks, and what to type") {
  NEEDS_ROOT();
  give(root, 0);
  const auto locked = [&] { return as_nobody([&] { return store.lock("edge"), std::string("locked"); }); };
  const std::string refused = locked();
  CHECK_THAT(refused, Contains("the store is root's and this is nobody") && Contains("sudo -u root -H drill"));
  CHECK_THAT(as_nobody([&] { return store.check_access(), std::string(); }), Contains("chown -R nobody: "));
  type(refused, "chown -R nobody: ");
  CHECK(locked() == "locked");
  std::filesystem::permissions(root, std::filesystem::perms::owner_read);
  const std::string closed = locked();
  type(closed, "chmod -R u+rwX ");
  CHECK(locked() == "locked");
  std::filesystem::remove_all(root);
  std::filesystem::permissions(scratch.path(), std::filesystem::perms(0755));
  const std::string none = locked();
  type(none, "install -d -m 700 -o nobody ");
  CHECK(locked() == "locked");
}
