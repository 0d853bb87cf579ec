#include "ssh/connect.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "core/cancel.hpp"
#include "core/error.hpp"

namespace ssh {
namespace {

using Clock = std::chrono::steady_clock;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::shared_ptr<addrinfo>;

std::pair<int, Addresses> look_up(const std::string& host, unsigned port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  return {failure, failure == 0 ? Addresses(list, FreeAddresses()) : nullptr};
}

core::Error no_answer(const std::string& host, unsigned port, std::chrono::milliseconds timeout) {
  return core::Error(
      core::ErrorKind::timeout,
      fmt::format("{} port {}: no answer within {} s; is the node on, and does a firewall let this machine in?", host,
                  port, std::chrono::ceil<std::chrono::seconds>(timeout).count()));
}

// getaddrinfo cannot be interrupted: it runs aside, and is left to itself when we give up.
Addresses resolve(const std::string& host, unsigned port, Clock::time_point deadline) {
  std::packaged_task<std::pair<int, Addresses>()> task([host, port] { return look_up(host, port); });
  auto answer = task.get_future();
  try {
    std::thread(std::move(task)).detach();
  } catch (const std::system_error& error) {
    throw core::system_error(error.code().value(), "a thread to look up " + host);
  }
  while (answer.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    core::throw_if_cancelled();
    if (Clock::now() > deadline)
      throw core::Error(
          core::ErrorKind::timeout,
          fmt::format("{}: the name server does not answer; write the node's address instead of its name", host));
  }
  auto [failure, addresses] = answer.get();
  if (failure != 0)
    throw core::Error(core::ErrorKind::unreachable, fmt::format("{}: {}; check the name, or write the node's address",
                                                                host, ::gai_strerror(failure)));
  return addresses;
}

// 0, or the errno of the connection attempt; ETIMEDOUT when the deadline passed.
int try_connect(int fd, const addrinfo& address, Clock::time_point deadline) {
  if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  if (!core::wait_for(fd, POLLOUT, std::max(left, std::chrono::milliseconds(0)))) return ETIMEDOUT;
  int failure = 0;
  socklen_t size = sizeof failure;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 ? failure : errno;
}

void set_options(int fd, std::chrono::milliseconds silence) {
  const int on = 1;
  const auto longest = static_cast<unsigned>(silence.count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &longest, sizeof longest);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

}  // namespace

core::Fd connect_tcp(const std::string& host, unsigned port, std::chrono::milliseconds timeout,
                     std::chrono::milliseconds silence) {
  const auto deadline = Clock::now() + timeout;
  const Addresses addresses = resolve(host, port, deadline);
  int failure = EADDRNOTAVAIL;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    core::Fd fd(
        ::socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol));
    if (!fd) {
      failure = errno;
      continue;
    }
    failure = try_connect(fd.get(), *address, deadline);
    if (failure == 0) {
      set_options(fd.get(), silence);
      return fd;
    }
  }
  if (failure == ETIMEDOUT) throw no_answer(host, port, timeout);
  const char* cure = failure == ECONNREFUSED ? "is sshd running there, and is it the right port?"
                                             : "is the node on, and does the network reach it?";
  throw core::Error(core::ErrorKind::unreachable,
                    fmt::format("{} port {}: {}; {}", host, port, std::strerror(failure), cure));
}

}  // namespace ssh
