#include "store/journal.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <thread>

#include "core/error.hpp"
#include "core/file.hpp"
#include "store/retention.hpp"
#include "tests/catch.hpp"
#include "tests/store/shelf.hpp"

namespace {

struct Journal {
  core::ScratchDir scratch;
  std::filesystem::path file = scratch.path() / "drills.jsonl";

  void append(const std::string& line) { store::append_line(scratch.path(), line); }
  std::vector<std::string> lines() { return store::read_lines(scratch.path()); }
  void put(const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }
};

using Lines = std::vector<std::string>;

core::ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    return error.kind();
  }
  throw std::runtime_error("nothing was thrown");
}

}  // namespace

TEST_CASE("drills are appended to a private file and read back in their order") {
  Journal journal;
  CHECK(journal.lines().empty());
  journal.append("one");
  journal.append("two");
  CHECK(journal.lines() == Lines{"one", "two"});
  CHECK(core::read_file(journal.file) == "one\ntwo\n");
  struct stat facts {};
  REQUIRE(::stat(journal.file.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0600);
}

TEST_CASE("a torn last line stays alone, and the next drill begins a new one") {
  Journal journal;
  journal.put("one\nto");
  journal.append("three");
  CHECK(journal.lines() == Lines{"one", "to", "three"});
  journal.append("four");
  CHECK(core::read_file(journal.file) == "one\nto\nthree\nfour\n");
}

TEST_CASE("whatever lies in the file is read without end or failure") {
  Journal journal;
  for (const std::string& bytes :
       {std::string(), std::string("\n\n\n"), std::string("\0\0\0", 3), std::string("\xff\r\n\x01")}) {
    journal.put(bytes);
    journal.append("one");
    REQUIRE_FALSE(journal.lines().empty());
    CHECK(journal.lines().back() == "one");
  }
}

TEST_CASE("of a file that is too long the newest lines are read, whole") {
  Journal journal;
  const std::string line(1023, 'x');
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) bytes += line + "\n";
  journal.put(bytes);
  journal.append("newest");
  const Lines lines = journal.lines();
  CHECK(lines.size() > 8'000);
  CHECK(lines.size() < 8'200);
  CHECK(std::all_of(lines.begin(), lines.end() - 1, [&](const std::string& one) { return one == line; }));
  CHECK(lines.back() == "newest");
}

TEST_CASE("drills that end at once lose no line") {
  Journal journal;
  {
    std::vector<std::jthread> drills;
    for (int drill = 0; drill < 4; ++drill)
      drills.emplace_back([&, drill] {
        for (int i = 0; i < 50; ++i) journal.append(std::string(600, static_cast<char>('a' + drill)));
      });
  }
  const Lines lines = journal.lines();
  CHECK(lines.size() == 200);
  for (const std::string& line : lines) CHECK(line == std::string(600, line.at(0)));
}

TEST_CASE("nothing is written through a link, into a directory or into a pipe") {
  Journal journal;
  const std::filesystem::path other = journal.scratch.path() / "other";
  core::write_new_file(other, "mine\n");
  std::filesystem::create_symlink(other, journal.file);
  CHECK(kind_of([&] { journal.append("one"); }) == core::ErrorKind::storage);
  CHECK(kind_of([&] { journal.lines(); }) == core::ErrorKind::storage);
  CHECK(core::read_file(other) == "mine\n");
  std::filesystem::remove(journal.file);
  std::filesystem::create_directory(journal.file);
  CHECK(kind_of([&] { journal.append("one"); }) == core::ErrorKind::storage);
  CHECK(kind_of([&] { journal.lines(); }) == core::ErrorKind::storage);
  std::filesystem::remove(journal.file);
  REQUIRE(::mkfifo(journal.file.c_str(), 0600) == 0);
  CHECK(kind_of([&] { journal.append("one"); }) == core::ErrorKind::storage);
  CHECK(kind_of([&] { journal.lines(); }) == core::ErrorKind::storage);
}

TEST_CASE("the history is no snapshot, and outlives them all") {
  shelf::Shelf shelf;
  shelf.add_day(0, 2);
  shelf.store.note_drill("edge", "one");
  CHECK(shelf.names().size() == 3);
  store::RetentionRules rules;
  rules.last = 1;
  const store::ClusterLock lock = shelf.store.lock("edge");
  shelf.store.apply_retention("edge", rules);
  shelf.store.receive("edge");
  CHECK(shelf.store.drills("edge") == Lines{"one"});
  std::filesystem::remove_all(shelf.root / "edge" / shelf.names().front());
  CHECK(shelf.store.list("edge").size() < 3);
  CHECK(shelf.store.drills("edge") == Lines{"one"});
  CHECK(shelf.store.drills("away").empty());
  CHECK(kind_of([&] { shelf.store.drills("../edge"); }) == core::ErrorKind::usage);
  CHECK(kind_of([&] { shelf.store.note_drill("away", "one"); }) == core::ErrorKind::not_found);
}
