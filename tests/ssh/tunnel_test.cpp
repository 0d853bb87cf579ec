// The tunnel to a port of a real node: what is left of connections that are over, and what comes of one for which
// nothing more is to be had.
#include "ssh/tunnel.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

#include "core/cancel.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

namespace {

constexpr unsigned kClosedPort = 9;
constexpr uid_t kNobody = 65534;

// One who comes to a tunnel.
struct Client {
  core::Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};

  bool come(const ssh::Tunnel& tunnel) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    tunnel.socket().native().copy(address.sun_path, sizeof address.sun_path - 1);
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  // What comes first from the other end: "" when it ends, "nothing" when it neither speaks nor ends.
  std::string hears(std::chrono::milliseconds within = std::chrono::seconds(20)) const {
    if (!core::wait_for(fd.get(), POLLIN, within)) return "nothing";
    char buffer[256];
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    return got <= 0 ? std::string() : std::string(buffer, static_cast<std::size_t>(got));
  }
};

std::size_t count(const std::string& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}
std::size_t threads() { return count("/proc/self/task"); }
std::size_t descriptors() { return count("/proc/self/fd"); }

// Returns what it was.
rlim_t limit(__rlimit_resource resource, rlim_t to) {
  rlimit both{};
  ::getrlimit(resource, &both);
  const rlim_t before = std::exchange(both.rlim_cur, to);
  ::setrlimit(resource, &both);
  return before;
}

double cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// A target that `nobody` can enter: root may have as many threads as it likes.
puller::Target nobodys(puller::Target target, const core::ScratchDir& scratch) {
  for (std::optional<std::filesystem::path>* file : {&target.identity, &target.known_hosts}) {
    const std::filesystem::path copy = scratch.path() / (*file)->filename();
    core::copy_file(**file, copy);
    REQUIRE(::chown(copy.c_str(), kNobody, kNobody) == 0);
    *file = copy;
  }
  for (const std::filesystem::path& directory : {scratch.path(), scratch.path().parent_path()})
    REQUIRE(::chown(directory.c_str(), kNobody, kNobody) == 0);
  return target;
}

}  // namespace

TEST_CASE("of two thousand connections to a closed port neither a thread nor a descriptor is left") {
  NEEDS_LAB();
  const lab::Node node;
  const ssh::Tunnel tunnel(node.target(), "127.0.0.1", kClosedPort);
  const auto come = [&] {
    const Client client;
    REQUIRE(client.come(tunnel));
    REQUIRE(client.hears().empty());
  };
  come();
  REQUIRE(lab::eventually([] { return threads() <= 3; }));  // us, the one who accepts, the spare session's
  const std::size_t before = descriptors();
  std::size_t most = 0;
  for (int i = 0; i < 2000; ++i) {
    come();
    most = std::max(most, threads() + descriptors());
  }
  CHECK(most < before + 64);
  CHECK(lab::eventually([&] { return threads() <= 3 && descriptors() <= before; }));
}

TEST_CASE("where no descriptor is to be had, one who comes waits, at no cost, until there is one") {
  NEEDS_LAB();
  const lab::Node node;
  lab::Fork child([&] {
    const ssh::Tunnel tunnel(node.target(), "127.0.0.1", 22);
    const Client client;
    limit(RLIMIT_NOFILE, 1024);
    std::vector<core::Fd> taken;
    while (taken.empty() || taken.back()) taken.emplace_back(::dup(client.fd.get()));
    if (!client.come(tunnel)) return std::string("cannot come");
    const double before = cpu_seconds();
    if (client.hears(std::chrono::seconds(1)) != "nothing") return std::string("was served");
    if (cpu_seconds() - before > 0.3) return std::string("it spins");
    taken.clear();
    return client.hears();
  });
  CHECK_THAT(child.result(), Catch::StartsWith("SSH-2.0"));
}

TEST_CASE("where no thread is to be had, one who comes is sent away, and the next is served") {
  NEEDS_LAB();
  const lab::Node node;
  const core::ScratchDir scratch;
  const puller::Target target = nobodys(node.target(), scratch);
  lab::Fork child([&] {
    if (::setresuid(kNobody, kNobody, kNobody) != 0) return std::string("setresuid");
    const ssh::Tunnel tunnel(target, "127.0.0.1", 22);
    const Client first;
    const rlim_t before = limit(RLIMIT_NPROC, 1);
    if (!first.come(tunnel) || !first.hears().empty()) return std::string("was served");
    limit(RLIMIT_NPROC, before);
    const Client next;
    return next.come(tunnel) ? next.hears() : "cannot come";
  });
  CHECK_THAT(child.result(), Catch::StartsWith("SSH-2.0"));
}

TEST_CASE("of many who come at once only so many are served, and the others when there is room") {
  NEEDS_LAB();
  const lab::Node node;
  const ssh::Tunnel tunnel(node.target(), "127.0.0.1", 22);
  std::vector<Client> clients(24);
  for (const Client& client : clients) REQUIRE(client.come(tunnel));
  for (std::size_t i = 0; i < 16; ++i) REQUIRE_THAT(clients[i].hears(), Catch::StartsWith("SSH-2.0"));
  CHECK(clients[16].hears(std::chrono::milliseconds(300)) == "nothing");
  for (std::size_t i = 0; i < 16; ++i) clients[i].fd.reset();
  for (std::size_t i = 16; i < clients.size(); ++i) CHECK_THAT(clients[i].hears(), Catch::StartsWith("SSH-2.0"));
}
