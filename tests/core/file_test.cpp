#include "core/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <iterator>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/scratch_dir.hpp"
#include "core/sha256.hpp"
#include "tests/catch.hpp"

namespace {

mode_t mode_of(const std::filesystem::path& path) {
  struct stat facts {};
  ::stat(path.c_str(), &facts);
  return facts.st_mode & 07777;
}

std::size_t entries_in(const std::filesystem::path& path) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(path), std::filesystem::directory_iterator()));
}

core::ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    return error.kind();
  }
  throw std::logic_error("nothing was thrown");
}

}  // namespace

TEST_CASE("an atomic file appears with its content and mode 0600 only when it is committed") {
  const core::ScratchDir scratch;
  const auto target = scratch.path() / "report.json";
  {
    core::AtomicFile abandoned(target);
    abandoned.write("half");
  }
  CHECK(entries_in(scratch.path()) == 0);
  core::AtomicFile file(target);
  file.write("whole");
  CHECK_FALSE(std::filesystem::exists(target));
  file.commit();
  CHECK(core::read_file(target) == "whole");
  CHECK(mode_of(target) == 0600);
  core::write_file_atomically(target, "replaced");
  CHECK(core::read_file(target) == "replaced");
  CHECK(entries_in(scratch.path()) == 1);
}

TEST_CASE("what a killed writer left of an atomic file is removed by the next one, and a living one's is not") {
  const core::ScratchDir scratch;
  const auto target = scratch.path() / "report.json";
  const pid_t killed = ::fork();
  if (killed == 0) {
    core::AtomicFile file(target);
    file.write("half");
    ::_exit(0);
  }
  ::waitpid(killed, nullptr, 0);
  CHECK(entries_in(scratch.path()) == 1);
  core::write_new_file(scratch.path() / ("report.json." + std::to_string(::getppid()) + ".tmp"), "of a living one");
  core::write_new_file(scratch.path() / "report.json.tmp", "somebody's");
  core::write_file_atomically(target, "whole");
  CHECK(core::read_file(target) == "whole");
  CHECK(entries_in(scratch.path()) == 3);
}

TEST_CASE("an atomic file is not written through a link that lies in its way") {
  const core::ScratchDir scratch;
  core::write_new_file(scratch.path() / "victim", "x");
  const auto target = scratch.path() / "report.json";
  std::filesystem::create_symlink(scratch.path() / "victim",
                                  target.string() + "." + std::to_string(::gettid()) + ".tmp");
  std::filesystem::create_symlink(scratch.path() / "victim", target);
  core::write_file_atomically(target, "whole");
  CHECK(core::read_file(scratch.path() / "victim") == "x");
  CHECK(core::read_file(target) == "whole");
}

TEST_CASE("whatever is thrown becomes an error in its own words") {
  const auto said = [](const std::function<void()>& work) {
    try {
      work();
    } catch (...) {
      const core::Error error = core::caught();
      return std::string(core::to_string(error.kind())) + ": " + error.what();
    }
    return std::string();
  };
  CHECK(said([] { throw core::Error(core::ErrorKind::timeout, "no answer"); }) == "timeout: no answer");
  CHECK(said([] { std::filesystem::create_directory("/nowhere/at/all"); }) ==
        "not_found: /nowhere/at/all: No such file or directory");
  CHECK(said([] { throw std::bad_alloc(); }) == "storage: out of memory");
  CHECK(said([] { throw std::out_of_range("basic_string::at"); }) == "storage: unexpected: basic_string::at");
  CHECK(said([] { throw 5; }) == "storage: unexpected: no exception at all");
}

TEST_CASE("an atomic file in a directory that is not there is not_found and names it") {
  CHECK(kind_of([] { core::AtomicFile("/nowhere/at/all"); }) == core::ErrorKind::not_found);
}

TEST_CASE("a copy is hashed as it is read and made for its owner only") {
  const core::ScratchDir scratch;
  const std::string content(3'000'000, 'x');
  core::write_new_file(scratch.path() / "a", content);
  const core::CopiedFile copied = core::copy_file(scratch.path() / "a", scratch.path() / "b");
  CHECK(copied.size_bytes == content.size());
  CHECK(copied.sha256 == core::sha256_hex(content));
  CHECK(core::hash_file(scratch.path() / "b").sha256 == copied.sha256);
  CHECK(mode_of(scratch.path() / "b") == 0600);
}

TEST_CASE("a failed copy leaves no file") {
  const core::ScratchDir scratch;
  CHECK(kind_of([&] { core::copy_file(scratch.path(), scratch.path() / "b"); }) == core::ErrorKind::storage);
  CHECK(entries_in(scratch.path()) == 0);
}

TEST_CASE("writing to a full disk says so") {
  const core::Fd full = core::open_file("/dev/full", O_WRONLY);
  try {
    core::write_all(full.get(), "bytes", "/dev/full");
    FAIL("nothing was thrown");
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::storage);
    CHECK(std::string(error.what()) == "writing /dev/full: No space left on device");
  }
}

TEST_CASE("a file larger than expected is refused rather than read into memory") {
  const core::ScratchDir scratch;
  core::write_new_file(scratch.path() / "big", std::string(2000, 'x'));
  CHECK(kind_of([&] { core::read_file(scratch.path() / "big", 1000); }) == core::ErrorKind::storage);
}

TEST_CASE("a scratch directory is private, and gone with its owner") {
  std::filesystem::path path;
  {
    const core::ScratchDir scratch;
    path = scratch.path();
    CHECK(mode_of(path) == 0700);
    core::write_new_file(path / "secret", "x");
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

namespace {

// What a process that was killed leaves of a scratch directory in `parent`, and in `records`, which are no other
// test's.
void leave_orphan(const std::filesystem::path& parent, const std::filesystem::path& records) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const core::ScratchDir scratch(parent, records);
    core::write_new_file(scratch.path() / "state.db", "x");
    ::_exit(0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  REQUIRE_FALSE(std::filesystem::is_empty(parent));
}

}  // namespace

TEST_CASE("a scratch directory of a dead process is removed by the next, one of a living process is not") {
  const core::ScratchDir parent;
  const core::ScratchDir records;
  leave_orphan(parent.path(), records.path());
  {
    const core::ScratchDir living(parent.path());
    const core::ScratchDir another(parent.path());
    const std::filesystem::directory_iterator entries(parent.path());
    CHECK(std::distance(begin(entries), end(entries)) == 2);
    CHECK(std::filesystem::exists(living.path()));
  }
  CHECK(std::filesystem::is_empty(parent.path()));
}

TEST_CASE("what a dead process left elsewhere is found by its record, now or when its disk is back") {
  const core::ScratchDir elsewhere;
  const core::ScratchDir records;
  const std::filesystem::path disk = elsewhere.path() / "disk";
  const std::filesystem::path away = elsewhere.path() / "away";
  const auto count = [](const std::filesystem::path& directory) {
    const std::filesystem::directory_iterator entries(directory);
    return std::distance(begin(entries), end(entries));
  };
  std::filesystem::create_directory(disk);
  leave_orphan(disk, records.path());
  core::write_new_file(disk / "somebody's", "x");
  std::filesystem::rename(disk, away);
  core::remove_orphaned_scratch_dirs(records.path());
  std::filesystem::create_directory(disk);  // as the place of a disk that is not mounted is seen
  core::remove_orphaned_scratch_dirs(records.path());
  CHECK(count(away) == 2);
  std::filesystem::remove(disk);
  std::filesystem::rename(away, disk);
  CHECK(count(records.path()) == 1);
  core::remove_orphaned_scratch_dirs(records.path());
  CHECK(count(records.path()) == 0);
  CHECK(count(disk) == 1);
}

TEST_CASE("a scratch directory whose owner died while he made it is removed") {
  const core::ScratchDir parent;
  std::filesystem::create_directory(parent.path() / "k3s-drill.aB3xyz");
  std::filesystem::permissions(parent.path() / "k3s-drill.aB3xyz", std::filesystem::perms::owner_all);
  { const core::ScratchDir next(parent.path()); }
  CHECK(std::filesystem::is_empty(parent.path()));
}

TEST_CASE("a directory of somebody's that has a name like a scratch directory's is let alone") {
  const core::ScratchDir parent;
  const std::vector<std::string> theirs{"k3s-drill.git/HEAD",
                                        "k3s-drill.backup/state.db",
                                        "k3s-drill.source/made-by-drill/state.db",
                                        "k3s-drill.source/mine",
                                        "k3s-drill.longer-name/made-by-drill/state.db",
                                        "k3s-drill.shared/made-by-drill/x"};
  for (const std::string& file : theirs) {
    std::filesystem::create_directories((parent.path() / file).parent_path());
    core::write_new_file(parent.path() / file, "x");
  }
  for (const char* directory : {"k3s-drill.git", "k3s-drill.backup", "k3s-drill.source", "k3s-drill.longer-name"})
    std::filesystem::permissions(parent.path() / directory, std::filesystem::perms::owner_all);
  std::filesystem::permissions(parent.path() / "k3s-drill.shared", std::filesystem::perms(0755));
  { const core::ScratchDir next(parent.path()); }
  for (const std::string& file : theirs) {
    INFO(file);
    CHECK(std::filesystem::exists(parent.path() / file));
  }
}

TEST_CASE("context is put in front of an error as it travels up") {
  try {
    core::in_context("pulling edge", [] { throw core::Error(core::ErrorKind::timeout, "no answer"); });
  } catch (const core::Error& error) {
    CHECK(std::string(error.what()) == "pulling edge: no answer");
    CHECK(error.kind() == core::ErrorKind::timeout);
  }
}
