// A door of one width between the host and a room without one: a listener on 127.0.0.1 whose connections are carried to
// the API server inside the sandbox, byte by byte, so that kubectl on the host can talk to it.
// One thread and no state but what is in flight: whoever waits for something else pumps meanwhile.
// What it does not do: look into what it carries. Any local user can connect; the API server asks for a certificate.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <vector>

#include "core/fd.hpp"

struct pollfd;

namespace drill {

class Relay {
 public:
  /// `open_socket` gives a new TCP socket of the inside, where it will be connected to 127.0.0.1:`inner_port`.
  /// Throws: storage.
  Relay(std::function<core::Fd()> open_socket, std::uint16_t inner_port);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay();

  /// On 127.0.0.1, chosen by the kernel.
  std::uint16_t port() const { return port_; }

  /// Carries bytes until one of `others` can be read or `patience` has passed. Negative numbers in `others` are passed
  /// over. Throws: cancelled.
  void pump(const std::vector<int>& others, std::chrono::milliseconds patience);

 private:
  struct Connection;

  void accept_one();
  void serve(const std::vector<pollfd>& ready);

  std::function<core::Fd()> open_socket_;
  std::uint16_t inner_port_;
  std::uint16_t port_ = 0;
  core::Fd listener_;
  std::list<Connection> connections_;
};

}  // namespace drill
