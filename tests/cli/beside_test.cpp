// A drill on a host whose ports a live k3s holds: a network namespace of this test's own stands for the host's network.
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>

#include "core/fd.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"

namespace {

// k3s's own: supervisor and API, apiserver, etcd, kubelet, kube-proxy, cloud controller, controller manager, scheduler.
constexpr std::array<std::uint16_t, 10> kPorts{6443, 6444, 2379, 2380, 10248, 10250, 10256, 10257, 10258, 10259};

std::string read_all(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Sockets, interfaces, addresses, routes and packet filters of the current network.
std::string network() {
  std::string all;
  for (const char* file : {"tcp", "tcp6", "udp", "udp6", "raw", "route", "fib_trie", "if_inet6", "ip_tables_names",
                           "ip6_tables_names", "netfilter/nf_log"})
    all += std::string(file) + ":\n" + read_all("/proc/thread-self/net/" + std::string(file));
  std::ifstream interfaces("/proc/thread-self/net/dev");
  for (std::string line; std::getline(interfaces, line);) all += line.substr(0, line.find(':')) + "\n";
  if (!core::find_program("nft").empty()) all += core::run_command({{"nft", "list", "ruleset"}}).out;
  return all;
}

void raise_loopback() {
  const core::Fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
  if (::ioctl(control.get(), SIOCSIFFLAGS, &loopback) != 0) throw std::runtime_error("no loopback");
}

core::Fd listen_on(std::uint16_t port) {
  core::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 || ::listen(listener.get(), 5) != 0)
    throw std::runtime_error("no port " + std::to_string(port));
  return listener;
}

// In a network of its own: what a drill did to it; "" when that is nothing.
std::string disturbance(const bench::Files& files) {
  if (::unshare(CLONE_NEWNET) != 0) return "no network namespace";
  raise_loopback();
  std::vector<core::Fd> listeners;
  for (const std::uint16_t port : kPorts) listeners.push_back(listen_on(port));
  const std::string before = network();
  if (before.find(":192B ") == std::string::npos) return "the listeners are not seen";  // 6443
  const core::CommandResult ran = core::run_command({{bench::drill_program(), "run", "--engine", "standin", "--file",
                                                      files.database.string(), "--token-file", files.token.string()},
                                                     std::chrono::minutes(2)});
  if (ran.exit_code != 0) return "the drill did not pass: " + ran.out + ran.err;
  for (const core::Fd& listener : listeners) {
    pollfd caller{listener.get(), POLLIN, 0};
    if (::poll(&caller, 1, 0) != 0) return "somebody called one of the host's ports";
  }
  const std::string after = network();
  return after == before ? "" : "before:\n" + before + "after:\n" + after;
}

}  // namespace

TEST_CASE("a drill beside a live k3s takes none of its ports, calls none, and changes no interface, route or filter") {
  if (::geteuid() != 0) {
    WARN("test skipped: needs root for a network of its own");
    return;
  }
  const bench::Files files;
  // drill finds the stand-in in PATH.
  ::setenv("PATH",
           (std::filesystem::path(bench::standin_program()).parent_path().string() + ":" + ::getenv("PATH")).c_str(),
           1);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string said;
    try {
      said = disturbance(files);
    } catch (const std::exception& error) {
      said = error.what();
    }
    core::write_all(ends[1], said + "\n", "the pipe");
    ::_exit(0);
  }
  ::close(ends[1]);
  const core::Fd output(ends[0]);
  std::string said;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(output.get(), buffer, sizeof buffer)) > 0;)
    said.append(buffer, static_cast<std::size_t>(got));
  ::waitpid(child, nullptr, 0);
  CHECK(said == "\n");
}
