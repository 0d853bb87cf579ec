#include "drill/sandbox/sandbox.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <functional>

#include "core/cancel.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;

namespace {

std::string read_until_closed(int fd) {
  std::string text;
  char buffer[4096];
  while (core::wait_for(fd, POLLIN, 10s)) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

std::string output_of(drill::Sandbox& sandbox, const std::string& script) {
  const core::Fd output = sandbox.start({"/bin/sh", "-c", script}, "sh");
  return read_until_closed(output.get());
}

bool becomes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    core::pause_for(5ms);
  }
  return false;
}

// Processes of this test's own: no other sleeps for so long.
std::size_t sleepers() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    std::string program, argument;
    std::getline(file, program, '\0');
    std::getline(file, argument, '\0');
    if (program == "sleep" && argument == "987654") ++count;
  }
  return count;
}

int connect_to(const core::Fd& socket, const char* address, std::uint16_t port) {
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &target.sin_addr);
  return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&target), sizeof target) == 0 ? 0 : errno;
}

}  // namespace

TEST_CASE("a program in the sandbox runs as root of its own world and its exit status comes back") {
  drill::Sandbox sandbox;
  CHECK(output_of(sandbox, "id -u; hostname; exit 7") == "0\nk3s-drill\n");
  while (!sandbox.exit_status()) core::pause_for(5ms);
  CHECK(sandbox.exit_status()->code == 7);
  CHECK(sandbox.stop(1s).empty());
}

TEST_CASE("files put into the sandbox's root are seen inside and host files are read-only there") {
  drill::Sandbox sandbox;
  core::write_new_file(sandbox.root() / "note", "hello");
  const std::string text = output_of(sandbox, "cat /tmp/note; touch /usr/k3s-drill-test 2>&1; ls /run | wc -l");
  CHECK(text.starts_with("hello"));
  CHECK(text.find("Read-only file system") != std::string::npos);
  CHECK(text.ends_with("0\n"));
}

TEST_CASE("the sandbox has its address and no route to anywhere") {
  drill::Sandbox sandbox;
  const std::string text = output_of(sandbox, "cat /proc/net/route; cat /proc/net/fib_trie | grep -c 203.0.113.10");
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);  // the header of an empty table, and a count
  CHECK(connect_to(sandbox.open_socket(), "198.51.100.1", 80) == ENETUNREACH);
}

TEST_CASE("a service on the host's loopback cannot be reached through the sandbox's sockets") {
  const core::Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  socklen_t size = sizeof any;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&any), &size);

  drill::Sandbox sandbox;
  CHECK(connect_to(sandbox.open_socket(), "127.0.0.1", ntohs(any.sin_port)) == ECONNREFUSED);
}

TEST_CASE("an engine that lies in /tmp can be started although the sandbox has its own /tmp") {
  const std::filesystem::path script = "/tmp/k3s-drill-test-engine." + std::to_string(::getpid());
  core::write_new_file(script, "#!/bin/sh\necho from $0 with $1\n");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  drill::Sandbox sandbox;
  const core::Fd output = sandbox.start({script.string(), "argument"}, "engine");
  CHECK(read_until_closed(output.get()) == "from /tmp/engine with argument\n");
  std::filesystem::remove(script);
}

TEST_CASE("a program that ignores SIGTERM is killed with its children when the sandbox stops") {
  drill::Sandbox sandbox;
  const core::Fd output =
      sandbox.start({"/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo up; wait; sleep 1000"}, "sh");
  REQUIRE(core::wait_for(output.get(), POLLIN, 5s));
  CHECK(sandbox.stop(100ms).empty());
  char byte;
  while (::read(output.get(), &byte, 1) > 0) {
  }  // end of file: nobody holds the other end
}

TEST_CASE("when the drill is killed its sandbox dies with it") {
  int report[2];
  REQUIRE(::pipe(report) == 0);
  const pid_t drill = ::fork();
  if (drill == 0) {
    ::close(report[0]);
    drill::Sandbox sandbox;
    const core::Fd output = sandbox.start({"/bin/sh", "-c", "echo up; exec sleep 987654"}, "sh");
    char line[3];
    [[maybe_unused]] auto got = ::read(output.get(), line, sizeof line);
    // Output is held open by the sleeping program only, and by this process; both must go.
    const int kept = ::fcntl(output.get(), F_DUPFD, 100);
    [[maybe_unused]] auto put = ::write(report[1], "u", 1);
    ::pause();
    ::close(kept);
    ::_exit(0);
  }
  ::close(report[1]);
  const core::Fd alive(report[0]);
  char byte;
  REQUIRE(::read(alive.get(), &byte, 1) == 1);
  REQUIRE(becomes_true([] { return sleepers() == 1; }));
  ::kill(drill, SIGKILL);
  int status = 0;
  ::waitpid(drill, &status, 0);
  CHECK(becomes_true([] { return sleepers() == 0; }));
}
