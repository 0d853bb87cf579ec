// stdin with a deadline: what is not there in time is not waited for.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>

namespace node {

class DeadlineReader {
 public:
  struct Late : std::exception {
    const char* what() const noexcept override { return "the controller did not answer in time"; }
  };

  explicit DeadlineReader(int fd) : fd_(fd) {}

  void until(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

  /// 0 at the end. Throws: Late.
  std::size_t read(char* buffer, std::size_t size_bytes) const {
    while (true) {
      if (deadline_) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - std::chrono::steady_clock::now());
        pollfd wait{fd_, POLLIN, 0};
        if (::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) == 0) throw Late();
      }
      const ssize_t got = ::read(fd_, buffer, size_bytes);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return 0;
    }
  }

  /// Reads on aside, so that the other end is never held up by what nobody wants any more.
  void discard_the_rest() const {
    std::thread([fd = fd_] {
      char buffer[65536];
      while (::read(fd, buffer, sizeof buffer) > 0) {
      }
    }).detach();
  }

 private:
  int fd_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

}  // namespace node
