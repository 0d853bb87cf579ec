// Ctrl-C and SIGTERM as a flag: the handler sets it, waiting code sees it, unwinding cleans up.
// Nothing is undone in a handler.
#pragma once

#include <chrono>

namespace core {

/// From now on SIGINT, SIGTERM and SIGHUP set the flag; SIGPIPE is ignored. Call once, from main.
void install_cancel_handlers();

bool cancel_requested() noexcept;

/// Throws: cancelled, once the flag is set.
void throw_if_cancelled();

/// While it lives, its thread does not hear of a cancellation: for putting back what must not stay half done.
class CancelShield {
 public:
  CancelShield() noexcept;
  CancelShield(CancelShield&&) = delete;
  ~CancelShield();
};

/// Readable once the flag is set; add it to every poll() that may wait long. -1 before the handlers are there.
int cancel_fd() noexcept;

/// Waits up to `duration` for `fd` to have `events` (poll's POLLIN, POLLOUT). False when the time ran out.
/// Throws: cancelled.
bool wait_for(int fd, short events, std::chrono::milliseconds duration);

/// Lets `duration` pass, for polling a foreign state that offers nothing to wait on. Throws: cancelled.
void pause_for(std::chrono::milliseconds duration);

}  // namespace core
