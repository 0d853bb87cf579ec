#include "core/process.hpp"

#include <poll.h>
#include <unistd.h>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;

TEST_CASE("a command's output and exit code come back apart") {
  const core::CommandResult result = core::run_command({{"sh", "-c", "echo out; echo err >&2; exit 5"}});
  CHECK(result.exit_code == 5);
  CHECK(result.out == "out\n");
  CHECK(result.err == "err\n");
}

TEST_CASE("output larger than a pipe does not hang a command") {
  CHECK(core::run_command({{"sh", "-c", "head -c 3000000 /dev/zero"}}).out.size() == 3'000'000);
}

TEST_CASE("a command that does not end in time is killed and named") {
  CHECK_THROWS_WITH(core::run_command({{"sleep", "1000"}, 100ms}), Catch::Contains("sleep did not end within"));
}

TEST_CASE("a program that is not there is not_found and named") {
  CHECK_THROWS_WITH(core::run_command({{"no-such-program-here"}}), "no-such-program-here: no such program in PATH");
}

TEST_CASE("a child is talked to through its pipes and its exit code is read") {
  core::Child child({"sh", "-c", "cat; exit 3"});
  REQUIRE(::write(child.stdin_fd(), "ping", 4) == 4);
  child.close_stdin();
  char answer[4];
  REQUIRE(core::wait_for(child.output_fd(), POLLIN, 5s));
  CHECK(::read(child.output_fd(), answer, 4) == 4);
  while (!child.exit_code()) core::pause_for(5ms);
  CHECK(child.exit_code() == 3);
}

TEST_CASE("a child is killed with its owner") {
  int pipe_end = -1;
  {
    const core::Child child({"sh", "-c", "exec sleep 1000"});
    pipe_end = ::dup(child.output_fd());
  }
  char byte;
  CHECK(::read(pipe_end, &byte, 1) == 0);  // nobody holds the other end
  ::close(pipe_end);
}

TEST_CASE("a child that takes nothing holds up nobody for longer than he is patient") {
  core::Child child({"sleep", "1000"});
  CHECK_THROWS_WITH(child.write(std::string(1U << 20U, 'x'), 100ms), Catch::Contains("takes nothing more"));
}

TEST_CASE("what is written to a child comes whole") {
  core::Child child({"sh", "-c", "wc -c"});
  child.write(std::string(300'001, 'x'), 5s);
  child.close_stdin();
  char answer[16] = {};
  REQUIRE(core::wait_for(child.output_fd(), POLLIN, 5s));
  REQUIRE(::read(child.output_fd(), answer, sizeof answer - 1) > 0);
  CHECK(std::string(answer) == "300001\n");
}
