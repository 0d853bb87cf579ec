#include "core/cancel.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "core/error.hpp"

namespace core {
namespace {

std::atomic<bool> requested{false};
std::atomic<int> event_fd{-1};
thread_local int shields = 0;

void request_cancel(int) {
  const int saved = errno;
  requested = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(event_fd, &one, sizeof one);
  errno = saved;
}

}  // namespace

void install_cancel_handlers() {
  event_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action {};
  action.sa_handler = request_cancel;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

CancelShield::CancelShield() noexcept { ++shields; }
CancelShield::~CancelShield() { --shields; }

bool cancel_requested() noexcept { return requested && shields == 0; }

void throw_if_cancelled() {
  if (cancel_requested()) throw Error(ErrorKind::cancelled, "cancelled");
}

int cancel_fd() noexcept { return shields == 0 ? event_fd.load() : -1; }

bool wait_for(int fd, short events, std::chrono::milliseconds duration) {
  const auto deadline = std::chrono::steady_clock::now() + duration;
  while (true) {
    throw_if_cancelled();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    std::array<pollfd, 2> fds{{{fd, events, 0}, {cancel_fd(), POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(0, left.count())));
    throw_if_cancelled();
    if (ready > 0 && fds[0].revents != 0) return true;
    if (left.count() <= 0) return false;
  }
}

void pause_for(std::chrono::milliseconds duration) { wait_for(-1, 0, duration); }

}  // namespace core
