// Plain sockets on loopback, for tests that are their own server or client.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "core/fd.hpp"

inline core::Fd new_socket() { return core::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

struct Listener {
  core::Fd socket = new_socket();
  std::uint16_t port = 0;

  Listener() {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0)
      throw std::system_error(errno, std::generic_category(), "bind");
    ::listen(socket.get(), 64);
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }
  core::Fd accept() const { return core::Fd(::accept(socket.get(), nullptr, nullptr)); }
};

inline core::Fd connect_to(std::uint16_t port) {
  core::Fd socket = new_socket();
  const sockaddr_in address = loopback(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) socket.reset();
  return socket;
}

inline bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

inline std::string read_to_end(int fd) {
  std::string all;
  std::string block(1U << 16U, '\0');
  for (ssize_t got = 0; (got = ::recv(fd, block.data(), block.size(), 0)) > 0;)
    all.append(block, 0, static_cast<std::size_t>(got));
  return all;
}
