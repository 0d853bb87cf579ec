#include "drill/engine/relay.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/cancel.hpp"
#include "core/error.hpp"

namespace drill {
namespace {

constexpr std::size_t kMaxConnections = 256;  // two descriptors each; who comes later waits in the backlog
constexpr std::size_t kBufferBytes = 1U << 16U;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// What a watch says is small and must not wait.
void send_at_once(int fd) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

bool for_later(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EINTR); }

// One way of a connection: what was read and is not written yet.
struct Flow {
  std::array<char, kBufferBytes> bytes;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool ended = false;      // the reader's side has said its last
  bool passed_on = false;  // and the other side knows

  bool wants_more() const { return !ended && end < bytes.size(); }
  bool has_some() const { return begin < end; }

  /// False when the connection is beyond use.
  bool fill(int fd) {
    const ssize_t got = ::recv(fd, bytes.data() + end, bytes.size() - end, 0);
    if (got < 0) return for_later(got);
    end += static_cast<std::size_t>(got);
    ended = got == 0;
    return true;
  }

  bool drain(int fd) {
    if (has_some()) {
      const ssize_t put = ::send(fd, bytes.data() + begin, end - begin, MSG_NOSIGNAL);
      if (put < 0) return for_later(put);
      begin += static_cast<std::size_t>(put);
      if (begin == end) begin = end = 0;
    }
    if (ended && !has_some() && !passed_on) {
      ::shutdown(fd, SHUT_WR);
      passed_on = true;
    }
    return true;
  }
};

}  // namespace

struct Relay::Connection {
  core::Fd outside;
  core::Fd inside;
  bool connected = false;  // the inside has answered
  Flow up{};               // to the inside
  Flow down{};

  pollfd outside_wants() const { return {outside.get(), events(connected && up.wants_more(), down.has_some()), 0}; }
  pollfd inside_wants() const { return {inside.get(), events(down.wants_more(), !connected || up.has_some()), 0}; }

  /// False once there is nothing left to carry.
  bool serve(short outside_ready, short inside_ready) {
    if (((outside_ready | inside_ready) & (POLLERR | POLLNVAL)) != 0) return false;
    if ((inside_ready & POLLOUT) != 0) connected = true;
    if (connected && (outside_ready & (POLLIN | POLLHUP)) != 0 && up.wants_more() && !up.fill(outside.get()))
      return false;
    if (connected && (inside_ready & (POLLIN | POLLHUP)) != 0 && down.wants_more() && !down.fill(inside.get()))
      return false;
    if (connected && (!up.drain(inside.get()) || !down.drain(outside.get()))) return false;
    return !up.passed_on || !down.passed_on;
  }

 private:
  static short events(bool read, bool write) { return static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0)); }
};

Relay::Relay(std::function<core::Fd()> open_socket, std::uint16_t inner_port)
    : open_socket_(std::move(open_socket)),
      inner_port_(inner_port),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (!listener_ || ::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), SOMAXCONN) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0)
    throw core::system_error(errno, "listening on 127.0.0.1");
  port_ = ntohs(address.sin_port);
}

Relay::~Relay() = default;

void Relay::pump(const std::vector<int>& others, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    std::vector<pollfd> fds{{core::cancel_fd(), POLLIN, 0},
                            {connections_.size() < kMaxConnections ? listener_.get() : -1, POLLIN, 0}};
    for (const Connection& connection : connections_) {
      fds.push_back(connection.outside_wants());
      fds.push_back(connection.inside_wants());
    }
    const std::size_t first_other = fds.size();
    for (const int fd : others) fds.push_back({fd, POLLIN, 0});
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(0, left.count())));
    core::throw_if_cancelled();
    if (ready < 0) continue;  // EINTR
    serve(fds);
    const auto is_ready = [](const pollfd& other) { return other.revents != 0; };
    if (std::any_of(fds.begin() + static_cast<std::ptrdiff_t>(first_other), fds.end(), is_ready)) return;
    if (left.count() <= 0) return;
  }
}

void Relay::serve(const std::vector<pollfd>& ready) {
  std::size_t at = 2;
  for (auto connection = connections_.begin(); connection != connections_.end(); at += 2) {
    const short outside = ready[at].revents;
    const short inside = ready[at + 1].revents;
    const bool goes_on = (outside == 0 && inside == 0) || connection->serve(outside, inside);
    connection = goes_on ? std::next(connection) : connections_.erase(connection);
  }
  if (ready[1].revents != 0) accept_one();
}

void Relay::accept_one() {
  core::Fd outside(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!outside) return;
  core::Fd inside;
  try {
    inside = open_socket_();
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::cancelled) throw;
    return;  // the inside is gone; hanging up says so
  }
  ::fcntl(inside.get(), F_SETFL, O_NONBLOCK);
  send_at_once(outside.get());
  send_at_once(inside.get());
  const sockaddr_in address = loopback(inner_port_);
  if (::connect(inside.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS)
    return;
  connections_.push_back({std::move(outside), std::move(inside)});
}

}  // namespace drill
