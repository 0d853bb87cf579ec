#include "core/foreground.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;

namespace {

int run(const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment = {}) {
  core::Foreground program(argv, environment);
  REQUIRE(core::wait_for(program.fd(), POLLIN, 20s));
  return program.exit_code().value();
}

bool exists(const std::filesystem::path& path) {
  for (int i = 0; i < 2000 && !std::filesystem::exists(path); ++i) core::pause_for(5ms);
  return std::filesystem::exists(path);
}

bool ignores(int signal) {
  struct sigaction now {};
  ::sigaction(signal, nullptr, &now);
  return now.sa_handler == SIG_IGN;
}

}  // namespace

TEST_CASE("a program in the foreground has our environment with changes, and its exit code or signal is read") {
  CHECK(run({"sh", "-c", "exit 7"}) == 7);
  CHECK(run({"sh", "-c", "kill -INT $$"}) == 128 + SIGINT);
  CHECK(run({"sh", "-c", "test \"$GREETING\" = hello && test -n \"$PATH\""}, {{"GREETING", "hello"}}) == 0);
  CHECK(run({"sh", "-c", "yes | head -1 >/dev/null"}) == 0);
}

TEST_CASE("a program in the foreground is looked up in the PATH that it is given") {
  const core::ScratchDir scratch;
  core::write_new_file(scratch.path() / "only-here", "#!/bin/sh\nexit 9\n");
  CHECK_THROWS_WITH(run({"only-here"}, {{"PATH", scratch.path()}}), Catch::Contains("only-here"));  // not executable
  std::filesystem::permissions(scratch.path() / "only-here", std::filesystem::perms::owner_all);
  CHECK(run({"only-here"}, {{"PATH", scratch.path()}}) == 9);
}

TEST_CASE("a program that is not there or may not be run is named, and Ctrl-C is ours again") {
  CHECK_THROWS_WITH(core::Foreground({"no-such-program-here"}, {}), "no-such-program-here: no such program");
  const core::ScratchDir scratch;
  const std::string no_program = scratch.path() / "no-program";
  core::write_new_file(no_program, "");
  CHECK_THROWS_WITH(core::Foreground({no_program}, {}), Catch::Contains("starting " + no_program));
  CHECK_FALSE(ignores(SIGINT));
  CHECK_FALSE(ignores(SIGQUIT));
}

TEST_CASE("Ctrl-C is the program's while it lives, and ours afterwards") {
  {
    core::Foreground program({"sleep", "1000"}, {});
    CHECK(ignores(SIGINT));
    CHECK(ignores(SIGQUIT));
  }
  CHECK_FALSE(ignores(SIGINT));
  CHECK_FALSE(ignores(SIGQUIT));
}

TEST_CASE("a program in the foreground that is let go is asked to end, and killed when it does not") {
  const core::ScratchDir scratch;
  const auto begin_and_end = [&](const std::string& traps) {
    const std::string ready = scratch.path() / "ready";
    core::Foreground program(
        {"sh", "-c", traps + "; cd " + scratch.path().string() + "; : > ready; while :; do sleep 0.05; done"}, {});
    REQUIRE(exists(ready));
    std::filesystem::remove(ready);
  };
  begin_and_end("trap ': > gently; exit 0' TERM");
  CHECK(std::filesystem::exists(scratch.path() / "gently"));
  begin_and_end("trap '' TERM; trap ': > hung-up; exit 0' HUP");
  CHECK(std::filesystem::exists(scratch.path() / "hung-up"));
  begin_and_end("trap '' TERM HUP");
  CHECK(::waitpid(-1, nullptr, WNOHANG) < 0);  // no child is left, neither running nor to be reaped
}
