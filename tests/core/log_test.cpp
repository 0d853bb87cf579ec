// The progress line, on a terminal and without one.
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>

#include "core/cancel.hpp"
#include "core/fd.hpp"
#include "core/logging.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;

namespace {

// A child whose stderr is `end`; it does `work`.
pid_t start(core::Fd end, const std::function<void()>& work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child != 0) return child;
  ::dup2(end.get(), STDERR_FILENO);
  ::setenv("TERM", "xterm", 1);
  work();
  ::_exit(0);
}

// What comes out of `fd` up to these words, or its end; within 20 s.
std::string read_until(int fd, const std::string& words) {
  std::string text;
  std::array<char, 4096> buffer;
  while (text.find(words) == std::string::npos && core::wait_for(fd, POLLIN, 20s)) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

void work_for_long() {
  core::show_progress("drill: watch");
  core::pause_for(20s);
}

}  // namespace

TEST_CASE("on a terminal the seconds of a phase move, on one line, and are gone with it") {
  const core::Fd ours(::posix_openpt(O_RDWR | O_NOCTTY));
  REQUIRE(::grantpt(ours.get()) == 0);
  REQUIRE(::unlockpt(ours.get()) == 0);
  core::Fd theirs(::open(::ptsname(ours.get()), O_RDWR | O_NOCTTY));
  const pid_t child = start(std::move(theirs), work_for_long);
  const std::string seen = read_until(ours.get(), "drill: watch (3 s)");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK_THAT(seen, Catch::StartsWith("\r\033[Kdrill: watch") && Catch::Contains("\r\033[Kdrill: watch (2 s)") &&
                       Catch::Contains("\r\033[Kdrill: watch (3 s)"));
  CHECK(seen.find('\n') == std::string::npos);
}

TEST_CASE("without a terminal no short progress is told, and nothing that steers one") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const core::Fd ours(ends[0]);
  const pid_t child = start(core::Fd(ends[1]), [] {
    core::show_progress("drill: watch");
    core::log_info("a line");
    core::show_progress("drill: end");
    core::clear_progress();
  });
  CHECK(read_until(ours.get(), "no such words") == "drill: a line\n");
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a message is one line that steers no terminal, whatever words of others are in it, and so is progress") {
  const core::Fd ours(::posix_openpt(O_RDWR | O_NOCTTY));
  REQUIRE(::grantpt(ours.get()) == 0);
  REQUIRE(::unlockpt(ours.get()) == 0);
  core::Fd theirs(::open(::ptsname(ours.get()), O_RDWR | O_NOCTTY));
  winsize size{};
  size.ws_col = 20;
  REQUIRE(::ioctl(theirs.get(), TIOCSWINSZ, &size) == 0);
  const pid_t child = start(std::move(theirs), [] {
    core::show_progress(
        "Z\xc3\xbcrich\xe6\x9d\xb1\xe4\xba\xac\xe6\x9d\xb1\xe4\xba\xac\xe6\x9d\xb1\xe4\xba\xac\xe6\x9d\xb1\xe4\xba"
        "\xac");
    core::log_error("the node says: \x1b]0;owned\x07\ndrill: forged\xc2\x9b\xff");
    core::clear_progress();
    core::show_lines("a question\x1b[2J\nend\n");
  });
  const std::string seen = read_until(ours.get(), "end\r\n");
  ::waitpid(child, nullptr, 0);
  CHECK_THAT(
      seen,
      Catch::Contains("drill: error: the node says: \\x1b]0;owned\\x07\\ndrill: forged\\u009b\\xff\r\n") &&
          Catch::Contains("a question\\x1b[2J\r\nend\r\n") &&
          Catch::StartsWith(
              "\r\033[KZ\xc3\xbcrich\xe6\x9d\xb1\xe4\xba\xac\xe6\x9d\xb1\xe4\xba\xac\xe6\x9d\xb1\xe4\xba\xac\r\033[K"));
}
