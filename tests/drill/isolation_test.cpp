// The sandbox looked at from inside, by a program that is run in it as an engine is: as root and as nobody.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "drill/sandbox/owner.hpp"
#include "drill/sandbox/sandbox.hpp"
#include "tests/catch.hpp"
#include "tests/sanitized.hpp"

using namespace std::chrono_literals;

namespace {

constexpr uid_t kNobody = 65534;

std::string read_until_closed(int fd) {
  std::string text;
  char buffer[4096];
  while (core::wait_for(fd, POLLIN, 60s)) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

// Where anybody may run it.
struct Probe {
  std::filesystem::path directory = "/tmp/k3s-drill-test-probe." + std::to_string(::getpid());
  std::string path = (directory / "probe").string();

  Probe() {
    std::filesystem::create_directory(directory);
    std::filesystem::copy_file(DRILL_BINARY_DIR "/tests/drill/drill_probe", path);
    ::chmod(path.c_str(), 0755);
    ::chmod(directory.c_str(), 0755);
  }
  ~Probe() { std::filesystem::remove_all(directory); }
};

// What `work` says, done by a process of `uid`.
std::string as_user(uid_t uid, const std::function<std::string()>& work) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    std::string said;
    if (uid != ::geteuid() && (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
                               ::setresuid(uid, uid, uid) != 0 || ::prctl(PR_SET_DUMPABLE, 1) != 0))
      ::_exit(1);
    try {
      said = work();
    } catch (const std::exception& error) {
      said = error.what();
    }
    core::write_all(ends[1], said, "the pipe");
    ::_exit(0);
  }
  ::close(ends[1]);
  const core::Fd output(ends[0]);
  const std::string said = read_until_closed(output.get());
  ::waitpid(child, nullptr, 0);
  return said;
}

std::vector<uid_t> users() {
  if (::geteuid() != 0) return {::geteuid()};
  return {0, kNobody};
}

std::string output_inside(uid_t uid, const std::vector<std::string>& argv, const drill::Caps& caps = {}) {
  return as_user(uid, [&] {
    drill::Sandbox sandbox(caps);
    return read_until_closed(sandbox.start(argv, "engine").get());
  });
}

std::string shell_inside(uid_t uid, const std::string& script) { return output_inside(uid, {"/bin/sh", "-c", script}); }

// What `engine` was ended by; "" when it ended by itself.
std::string reached_by(const Probe& probe, const std::string& doing, const drill::Caps& caps) {
  drill::Sandbox sandbox(caps);
  const core::Fd output = sandbox.start({probe.path, doing}, "engine");
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!sandbox.exit_status() && std::chrono::steady_clock::now() < deadline) core::pause_for(5ms);
  REQUIRE(sandbox.exit_status());
  const auto reached = sandbox.exit_status()->reached;
  CHECK(sandbox.stop({}).empty());
  return reached ? std::string(to_string(*reached)) : "";
}

std::vector<std::string> cgroups() {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& hierarchy : std::filesystem::directory_iterator("/sys/fs/cgroup", error)) {
    if (hierarchy.path().filename().string().starts_with("k3s-drill.")) found.push_back(hierarchy.path().string());
    if (!hierarchy.is_directory()) continue;
    for (const auto& entry : std::filesystem::directory_iterator(hierarchy, error))
      if (entry.path().filename().string().starts_with("k3s-drill.")) found.push_back(entry.path().string());
  }
  return found;
}

// Those of this process, which are none of another drill's on this machine.
std::vector<std::string> cgroups_of(const std::string& mark) {
  std::vector<std::string> found;
  for (const std::string& directory : cgroups()) {
    const std::string name = std::filesystem::path(directory).filename().string() + ".";
    if (name.starts_with("k3s-drill." + mark + ".")) found.push_back(directory);
  }
  return found;
}

std::string dead_mark() {
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  return std::to_string(dead) + ".1";
}

}  // namespace

TEST_CASE("nothing outside the sandbox can be opened for writing from inside, and no socket of the host is there") {
  const Probe probe;
  for (const uid_t uid : users()) {
    INFO("uid " << uid);
    CHECK(output_inside(uid, {probe.path, "walk"}) == "saw enough\n");
  }
}

TEST_CASE("a socket of the host cannot be connected to from inside, wherever it lies") {
  const Probe probe;
  for (const std::string place : {"/tmp", "/var/tmp", "/run", "/var/lib", "/dev/shm", "/etc"}) {
    const std::string path = place + "/k3s-drill-test-socket." + std::to_string(::getpid());
    const core::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) continue;
    REQUIRE(::listen(listener.get(), 5) == 0);
    ::chmod(path.c_str(), 0777);
    for (const uid_t uid : users()) {
      INFO(path << ", uid " << uid);
      CHECK(output_inside(uid, {probe.path, "connect", path}) == "No such file or directory\n");
    }
    pollfd waiting{listener.get(), POLLIN, 0};
    CHECK(::poll(&waiting, 1, 0) == 0);
    ::unlink(path.c_str());
  }
}

TEST_CASE("of the host only programs and libraries are seen inside: no /home, no /var/lib, no kubeconfig, no disk") {
  for (const uid_t uid : users()) {
    INFO("uid " << uid);
    const std::string seen = shell_inside(uid,
                                          "ls /root /home /srv /var/lib /etc/rancher /var/lib/rancher /etc/shadow "
                                          "/var/run/docker.sock 2>/dev/null; ls /host /run; ls /dev; ls / | sort");
    CAPTURE(seen);
    CHECK(seen.starts_with("/host:\n\n/run:\nfd\nfull\nnull\nrandom\nshm\ntty\nurandom\nzero\n"));
    CHECK(seen.find("home") == std::string::npos);
    CHECK(shell_inside(uid,
                       "cat /proc/self/mounts | grep -vE ' (/|/usr|/bin|/sbin|/lib[^ /]*|/nix|/proc|/sys|/tmp/engine|"
                       "/dev/[a-z]*|/usr/[^ ]*) '") == "");
  }
}

TEST_CASE("a program inside has no capability, gets none, and leaves no core dump") {
  for (const uid_t uid : users()) {
    INFO("uid " << uid);
    CHECK(shell_inside(uid,
                       "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr -s '\\t' ' '; grep core "
                       "/proc/self/limits | tr -s ' '") ==
          "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\n"
          "CapBnd: 0000000000000000\nCapAmb: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\nMax core file size 1 1 bytes "
          "\n");
  }
}

// sudo sets the hard limit of core dumps to 0, and hardened machines do.
TEST_CASE("a user who is allowed no core dump, and little else, keeps those limits, and the sandbox runs") {
  if (kSanitized) {
    WARN("test skipped: a sanitizer reserves terabytes");
    return;
  }
  constexpr rlim_t kData = 1UL << 28U;
  for (const uid_t uid : users()) {
    INFO("uid " << uid);
    const std::string said = as_user(uid, [] {
      const rlimit none{0, 0};
      if (::setrlimit(RLIMIT_CORE, &none) != 0) return std::string("setrlimit failed");
      const rlimit some{kData, kData};
      if (::setrlimit(RLIMIT_DATA, &some) != 0) return std::string("setrlimit failed");
      drill::Sandbox sandbox({1U << 30U, 4096});
      return read_until_closed(
          sandbox.start({"/bin/sh", "-c", "grep -E 'core|data' /proc/self/limits | tr -s ' '"}, "sh").get());
    });
    CHECK(said == fmt::format("Max data size {0} {0} bytes \nMax core file size 0 0 bytes \n", kData));
  }
}

TEST_CASE("a program that cannot be executed is named with the reason, and the next one starts") {
  const core::ScratchDir here;
  const std::filesystem::path program = here.path() / "engine";
  core::write_new_file(program, "not a program\n");
  ::chmod(program.c_str(), 0755);
  drill::Sandbox sandbox;
  CHECK_THROWS_WITH(sandbox.start({program}, "engine"),
                    program.string() + " does not start: the sandbox: cannot execute: Exec format error");
  CHECK(read_until_closed(sandbox.start({"/bin/echo", "hello"}, "echo").get()) == "hello\n");
}

// In a user namespace one may set this limit for oneself.
TEST_CASE("a host that allows no user namespaces allows them once what the message says is typed") {
  const std::string said = as_user(::geteuid(), [] {
    const std::string uid_map = fmt::format("0 {} 1", ::geteuid());
    const std::string gid_map = fmt::format("0 {} 1", ::getegid());
    if (::unshare(CLONE_NEWUSER) != 0) return std::string("unshare failed");
    const auto write = [](const char* path, const std::string& text) {
      core::write_all(core::Fd(::open(path, O_WRONLY)).get(), text, path);
    };
    write("/proc/self/uid_map", uid_map);
    write("/proc/self/setgroups", "deny");
    write("/proc/self/gid_map", gid_map);
    write("/proc/sys/user/max_user_namespaces", "0");
    try {
      drill::try_sandbox({});
    } catch (const core::Error& error) {
      const std::string message = error.what();
      const std::size_t type = message.find("; type: ");
      if (message.find("user.max_user_namespaces is 0") == std::string::npos || type == std::string::npos)
        return message;
      if (std::system((message.substr(type + 8) + " >/dev/null").c_str()) != 0)
        return std::string("it cannot be typed");
    }
    drill::try_sandbox({});
    return std::string("a sandbox");
  });
  CHECK(said == "a sandbox");
}

TEST_CASE("init's files, memory and root are out of reach for a program inside") {
  for (const uid_t uid : users()) {
    INFO("uid " << uid);
    CHECK(shell_inside(uid,
                       "ls /proc/1/root/ 2>/dev/null; readlink /proc/1/fd/* /proc/1/exe /proc/1/cwd /proc/1/root; "
                       "cat /proc/1/environ /proc/1/maps /proc/1/mem 2>/dev/null; echo end") == "end\n");
  }
}

TEST_CASE("system calls that an API server never makes are refused inside, and sockets that leave the network") {
  const Probe probe;
  for (const uid_t uid : users()) {
    INFO("uid " << uid);
    CHECK(output_inside(uid, {probe.path, "calls"}) ==
          "unshare user Operation not permitted\nclone user Operation not permitted\n"
          "clone3 Function not implemented\nptrace Operation not permitted\nkeyctl Operation not permitted\n"
          "mount Operation not permitted\numount Operation not permitted\n"
          "vsock Address family not supported by protocol\npacket Address family not supported by protocol\n"
          "inet done\nnetlink done\n");
  }
}

TEST_CASE("there is no name server, no route and no interface but loopback inside") {
  for (const uid_t uid : users()) {
    INFO("uid " << uid);
    CHECK(shell_inside(uid,
                       "cat /etc/resolv.conf; sed 1d /proc/net/route; grep -v ' lo$' /proc/net/ipv6_route; "
                       "sed 1,2d /proc/net/dev | grep -v '^ *lo:'; echo end") == "end\n");
  }
}

TEST_CASE("an engine that eats memory is killed at its cap, and one that forks without end is stopped at its own") {
  const Probe probe;
  {
    const drill::Sandbox sandbox;
    if (cgroups_of(drill::owner_mark()).empty()) {
      WARN("test skipped: no cgroup can be made here");
      return;
    }
  }
  CHECK(reached_by(probe, "memory", {256U << 20U, 4096}) == "caps.memory");
  CHECK(reached_by(probe, "forks", {1U << 30U, 64}) == "caps.pids");
  CHECK(reached_by(probe, "nothing", {256U << 20U, 64}) == "");
  CHECK(cgroups_of(drill::owner_mark()).empty());
}

TEST_CASE("without root an engine is held to the caps as far as the limits of a process go") {
  const Probe probe;
  const uid_t uid = users().back();
  if (uid == 0) return;
  CHECK(output_inside(uid, {probe.path, "memory"}, {256U << 20U, 4096}) == "fatal error: out of memory\n");
  const int forks = std::atoi(output_inside(uid, {probe.path, "count-forks"}, {1U << 30U, 64}).c_str());
  CHECK(forks > 30);
  CHECK(forks < 64);
}

TEST_CASE("what is put into the sandbox's files is limited by the cap on memory") {
  const std::string said = as_user(::geteuid(), [] {
    drill::Sandbox sandbox({256U << 20U, 4096});
    return read_until_closed(
        sandbox.start({"/bin/sh", "-c", "head -c 300M /dev/zero > /tmp/file; ls -s /tmp/file"}, "sh").get());
  });
  // Killed by the kernel or refused by the file system, whichever comes first: it does not get them.
  CAPTURE(said);
  CHECK(said.find("307200") == std::string::npos);
}

TEST_CASE("a cgroup that a dead drill left is removed by the next sandbox, and one of a living drill is not") {
  if (::geteuid() != 0) return;
  std::vector<std::filesystem::path> hierarchies;
  {
    const drill::Sandbox sandbox;
    for (const std::string& directory : cgroups_of(drill::owner_mark()))
      hierarchies.push_back(std::filesystem::path(directory).parent_path());
  }
  if (hierarchies.empty()) {
    WARN("test skipped: no cgroup can be made here");
    return;
  }
  const std::string dead = dead_mark();
  const std::string reused = std::to_string(::getpid()) + ".1";  // our number, of an earlier process
  const std::string living = drill::owner_mark() + ".999";
  for (const auto& hierarchy : hierarchies)
    for (const std::string& mark : {dead, reused, living})
      REQUIRE(::mkdir((hierarchy / ("k3s-drill." + mark)).c_str(), 0755) == 0);

  drill::Sandbox().stop({});

  CHECK(cgroups_of(dead).empty());
  CHECK(cgroups_of(reused).empty());
  CHECK(cgroups_of(living).size() == hierarchies.size());
  for (const auto& hierarchy : hierarchies) ::rmdir((hierarchy / ("k3s-drill." + living)).c_str());
}

TEST_CASE("a mark names a process and no later one with its number") {
  CHECK(drill::owner_lives(drill::owner_mark()));
  CHECK(drill::owner_lives(drill::owner_mark() + ".7"));
  CHECK_FALSE(drill::owner_lives(drill::owner_mark() + "7"));
  CHECK_FALSE(drill::owner_lives(dead_mark()));
  for (const char* none : {"", ".", "x.1", "-1.1", "1", "../1.1"}) CHECK_FALSE(drill::owner_lives(none));
}
