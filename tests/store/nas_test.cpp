// A store on what a NAS serves, and what goes wrong with it there: what cannot be read is our trouble, and only what
// was read twice and does not fit is damage.
#include "tests/nas.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>

#include "core/error.hpp"
#include "core/file.hpp"
#include "store/retention.hpp"
#include "tests/catch.hpp"
#include "tests/sanitized.hpp"
#include "tests/store/shelf.hpp"

using Catch::Contains;
using shelf::database_at;
using shelf::hour;

#define NEEDS_NAS()                                \
  if (!lab::Nas::missing().empty()) {              \
    WARN("test skipped: " << lab::Nas::missing()); \
    return;                                        \
  }

namespace {

struct NasShelf : shelf::Shelf {
  lab::Nas nas{root, scratch.path() / "behind"};
  std::filesystem::path behind = scratch.path() / "behind/edge";

  bool has_damage(int at) const { return std::filesystem::exists(behind / hour(at) / "damage.json"); }
};

core::ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    return error.kind();
  }
  throw std::logic_error("nothing was thrown");
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

// What a child of ours says that runs `work`.
std::string in_child(const std::function<std::string()>& work) {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = work();
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

}  // namespace

TEST_CASE("a store on a NAS takes snapshots, gives them back, and forgets what no rule keeps") {
  NEEDS_NAS();
  NasShelf shelf;
  shelf.add_day(0, 5);
  for (int h = 0; h <= 5; ++h) CHECK(shelf.extract(hour(h)) == database_at(h));
  CHECK(shelf.store.find("edge/" + hour(5)).manifest.database.file == "state.db.patch.zst");
  shelf.prove(hour(4), store::Evidence::run, "pass");
  shelf.prove(hour(5), store::Evidence::verify, "pass");
  CHECK(shelf.store.find("edge/proven").manifest.name == hour(4));
  shelf.store.note_drill("edge", "{}");
  CHECK(shelf.store.drills("edge") == std::vector<std::string>{"{}"});
  CHECK_NOTHROW(shelf.store.check_access());
  shelf.add("20261102T001700Z", database_at(0));
  const store::ClusterLock lock = shelf.store.lock("edge");
  store::RetentionRules rules;
  rules.last = 1;
  shelf.store.apply_retention("edge", rules);
  CHECK(shelf.names().size() < 7);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(shelf.behind)) {
    const std::string name = entry.path().filename();
    INFO(name);
    CHECK((name == ".lock" || !name.starts_with('.')));
    CHECK_FALSE(name.ends_with(".tmp"));
  }
}

TEST_CASE("two commands of this machine do not meet in a store without locks") {
  NEEDS_NAS();
  NasShelf shelf;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t other = ::fork();
  if (other == 0) {
    const store::ClusterLock lock = shelf.store.lock("edge");
    [[maybe_unused]] auto put = ::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK_THAT(message_of([&] { shelf.store.lock("edge"); }), Contains("process " + std::to_string(other)));
  CHECK_NOTHROW(shelf.store.lock("other"));
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  CHECK_NOTHROW(shelf.store.lock("edge"));
}

TEST_CASE("where upper and lower case are one, two clusters are not put into one directory") {
  NEEDS_NAS();
  NasShelf shelf;
  shelf.add_day(0, 0);
  CHECK_THAT(message_of([&] { shelf.store.lock("Edge"); }), Contains("upper and lower case"));
}

TEST_CASE("a read that fails is our trouble, never damage, and the next one is as before") {
  NEEDS_NAS();
  NasShelf shelf;
  shelf.add_day(0, 2);
  for (const int failure : {EIO, ESTALE, ENOMEM, ENFILE, EACCES}) {
    INFO(std::strerror(failure));
    shelf.nas.trouble().reads_fail_with = failure;
    for (const int failing : {1, 2, 1000}) {
      shelf.nas.trouble().reads_that_fail = failing;
      CHECK(kind_of([&] { shelf.extract(hour(2)); }) != core::ErrorKind::damaged);
      store::Incoming incoming = shelf.store.receive("edge");
      if (failing == 1000) CHECK(kind_of([&] { incoming.unpack_newest(); }) != core::ErrorKind::damaged);
    }
    shelf.nas.trouble().reads_that_fail = 0;
    for (int h = 0; h <= 2; ++h) CHECK_FALSE(shelf.has_damage(h));
    CHECK(shelf.lost(hour(2)).empty());
    CHECK(shelf.extract(hour(2)) == database_at(2));
  }
}

TEST_CASE("what was read wrongly once is read again, and what is wrong twice is damage until it is right again") {
  NEEDS_NAS();
  NasShelf shelf;
  shelf.add_day(0, 2);
  shelf.nas.trouble().reads_that_lie = 1;
  CHECK(shelf.extract(hour(2)) == database_at(2));
  CHECK_FALSE(shelf.has_damage(0));
  CHECK(shelf.nas.trouble().reads_that_lie == 0);
  shelf.nas.trouble().reads_that_lie = 1000;
  CHECK(kind_of([&] { shelf.extract(hour(2)); }) == core::ErrorKind::damaged);
  CHECK(shelf.has_damage(0));
  CHECK_FALSE(shelf.lost(hour(2)).empty());
  shelf.nas.trouble().reads_that_lie = 0;
  CHECK(shelf.extract(hour(2)) == database_at(2));
  CHECK(shelf.lost(hour(2)).empty());
}

TEST_CASE("with too few descriptors nothing is damaged and nothing lost") {
  if (kSanitized) {
    WARN("test skipped: a sanitizer needs descriptors of its own");
    return;
  }
  shelf::Shelf shelf;
  shelf.add_day(0, 2);
  shelf.prove(hour(1), store::Evidence::run, "pass");
  const store::Snapshot snapshot = shelf.store.find("edge/" + hour(2));
  bool enough = false;
  for (rlim_t descriptors = 0; !enough && descriptors < 40; ++descriptors) {
    const std::string said = in_child([&]() -> std::string {
      const rlimit few{descriptors, descriptors};
      ::setrlimit(RLIMIT_NOFILE, &few);
      std::vector<store::Snapshot> listed;
      const auto list = [&] { listed = shelf.store.list("edge"); };
      try {
        list();
      } catch (const core::Error& error) {
        if (error.kind() == core::ErrorKind::damaged) return "the list is damaged";
      }
      for (const store::Snapshot& one : listed)
        if (one.damage || (one.lost && !one.unreadable)) return one.manifest.name + " is said to be lost";
      try {
        store::RetentionRules rules;
        rules.last = 1;
        for (const store::RetentionDecision& decision : shelf.store.plan_retention("edge", rules))
          if (decision.name == hour(1) && decision.action == store::Retention::remove) return "the proven one would go";
      } catch (const core::Error& error) {
        if (error.kind() == core::ErrorKind::damaged) return "retention finds damage";
      }
      try {
        shelf.store.extract(snapshot, shelf.scratch.path() / "extracted.db");
        return "enough";
      } catch (const core::Error& error) {
        return std::string(core::to_string(error.kind()));
      }
    });
    INFO(descriptors << " descriptors");
    CHECK((said == "storage" || said == "enough"));
    enough = said == "enough";
    std::filesystem::remove(shelf.scratch.path() / "extracted.db");
  }
  CHECK(enough);
  CHECK(shelf.lost(hour(2)).empty());
  CHECK(shelf.extract(hour(2)) == database_at(2));
}

TEST_CASE("a store that takes nothing says why and what to do, and what is damaged in it is said all the same") {
  NEEDS_NAS();
  NasShelf shelf;
  shelf.add_day(0, 2);
  shelf::flip(shelf.behind / hour(0) / "state.db.zst");
  for (const auto& [failure, cure] : {std::pair(EROFS, "mount -o remount,rw " + shelf.root.string()),
                                      std::pair(ENOSPC, std::string("drill prune"))}) {
    shelf.nas.trouble().changes_fail_with = failure;
    CHECK_THAT(message_of([&] { shelf.prove(hour(1), store::Evidence::run, "pass"); }), Contains(cure));
    CHECK_THAT(message_of([&] { shelf.store.check_access(); }), Contains(cure));
    CHECK_THAT(message_of([&] { shelf.store.lock("edge"); }), Contains(cure));
    CHECK(kind_of([&] { shelf.extract(hour(2)); }) == core::ErrorKind::damaged);
    CHECK_FALSE(shelf.has_damage(0));
  }
  shelf.nas.trouble().changes_fail_with = 0;
}

TEST_CASE("a pull goes on without what it found damaged, also where that cannot be written down") {
  NEEDS_NAS();
  NasShelf shelf;
  shelf.add("20261031T231700Z", database_at(0));
  shelf.add_day(0, 5);
  shelf::flip(shelf.behind / hour(0) / "state.db.zst");
  shelf.nas.trouble().takes_no_notes = true;
  {
    store::Incoming incoming = shelf.store.receive("edge");
    const auto newest = incoming.unpack_newest();
    REQUIRE(newest);
    CHECK(newest->manifest.name == "20261031T231700Z");
  }
  CHECK(shelf.add(hour(6), database_at(6)).manifest.database.base.empty());
  CHECK(shelf.extract(hour(6)) == database_at(6));
}

TEST_CASE("a scratch directory on a NAS is made, filled and removed") {
  NEEDS_NAS();
  const core::ScratchDir elsewhere;
  const lab::Nas nas(elsewhere.path() / "nas", elsewhere.path() / "behind");
  {
    const core::ScratchDir scratch(elsewhere.path() / "nas");
    core::write_new_file(scratch.path() / "file", "x");
    CHECK(scratch.filled_with(1U << 30U, [] { return true; }));  // it does not say how much is free
    { const core::ScratchDir another(elsewhere.path() / "nas"); }
    CHECK(core::read_file(scratch.path() / "file") == "x");
  }
  CHECK(std::filesystem::is_empty(elsewhere.path() / "nas"));
}
