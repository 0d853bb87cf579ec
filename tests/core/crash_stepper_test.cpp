// The stepper itself, on programs whose every step is known.
#include "tests/crash_stepper.hpp"

#include <filesystem>

#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"

#define NEEDS_STEPPER()                         \
  if (!crash::missing().empty()) {              \
    WARN("test skipped: " << crash::missing()); \
    return;                                     \
  }

namespace {

// Writes to a file, gives it a name and takes it away again; the middle is done by a child.
crash::Victim script(const std::string& directory) {
  return {{"sh", "-c", "cd \"$PLACE\"; echo text >a; ln a b; mkdir d; mv a d/c; rmdir nothing 2>/dev/null; rm b"},
          {{"PLACE", directory}}};
}

std::vector<std::string> calls(const crash::Victim& victim) {
  std::vector<std::string> seen;
  crash::run(victim, 0, [&](const crash::Step& step) { seen.push_back(crash::to_string(step)); });
  return seen;
}

}  // namespace

TEST_CASE("a program that is not killed comes to its end with its steps in order, those of children too") {
  NEEDS_STEPPER();
  const core::ScratchDir scratch;
  const std::string place = scratch.path().string();
  const std::vector<std::string> seen = calls(script(place));
  REQUIRE(seen.size() == 7);
  CHECK_THAT(seen[0], Catch::Matches("open(at)? " + place + "/a"));
  CHECK(seen[1] == "write " + place + "/a");
  CHECK_THAT(seen[2], Catch::Matches("linkat " + place + "/a " + place + "/b"));
  CHECK_THAT(seen[3], Catch::Matches("mkdir(at)? " + place + "/d"));
  CHECK_THAT(seen[4], Catch::Matches("rename(at2?)? " + place + "/a " + place + "/d/c"));
  CHECK_THAT(seen[5], Catch::Matches("(rmdir|unlinkat) " + place + "/nothing"));
  CHECK_THAT(seen[6], Catch::Matches("unlink(at)? " + place + "/b"));
}

TEST_CASE("a step that a program is killed before has not happened, and all before it have") {
  NEEDS_STEPPER();
  const std::vector<std::vector<std::string>> there{
      {}, {"a"}, {"a"}, {"a", "b"}, {"a", "b", "d"}, {"b", "d", "d/c"}, {"b", "d", "d/c"}};
  for (std::size_t step = 1; step <= there.size(); ++step) {
    INFO(step);
    const core::ScratchDir scratch;
    const crash::Outcome outcome = crash::run(script(scratch.path().string()), step);
    CHECK(outcome.killed_before);
    CHECK(outcome.steps == step);
    CHECK(outcome.exit_code == 128 + 9);
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.path()))
      found.push_back(std::filesystem::relative(entry.path(), scratch.path()).string());
    std::sort(found.begin(), found.end());
    CHECK(found == there[step - 1]);
    if (step == 2) CHECK(std::filesystem::file_size(scratch.path() / "a") == 0);
    if (step == 3) CHECK(std::filesystem::file_size(scratch.path() / "a") == 5);
  }
}

TEST_CASE("threads are stepped through like the program, and a row of writes is sampled") {
  NEEDS_STEPPER();
  const core::ScratchDir scratch;
  const crash::Victim victim{{DRILL_CRASH_VICTIM, scratch.path().string()}, {}};
  const crash::Outcome whole = crash::run(victim);
  CHECK(whole.exit_code == 7);
  CHECK(whole.steps == 2 * (1 + 2 + 2));  // open; writes 1, 2, 16 and 32
  for (const char* file : {"one", "two"}) std::filesystem::remove(scratch.path() / file);
  const crash::Outcome killed = crash::run(victim, 10);
  CHECK(killed.killed_before->path == scratch.path() / "two");
  CHECK(std::filesystem::file_size(scratch.path() / "one") == 40 * 5);
  CHECK(std::filesystem::file_size(scratch.path() / "two") == 31 * 5);
}

TEST_CASE("what a program says is heard and is no step, and one that is not there says so") {
  NEEDS_STEPPER();
  const crash::Outcome outcome =
      crash::run({{"sh", "-c", "echo out; echo err >&2; echo none >/dev/null; kill -TERM $$"}, {}});
  CHECK(outcome.output == "out\nerr\n");
  CHECK(outcome.exit_code == 128 + 15);
  CHECK(crash::run({{"/no/such/program"}, {}}).exit_code == 127);
}

TEST_CASE("hundreds of kills take seconds") {
  NEEDS_STEPPER();
  const core::ScratchDir scratch;
  const crash::Victim victim{{DRILL_CRASH_VICTIM, scratch.path().string()}, {}};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) crash::run(victim, 10);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}
