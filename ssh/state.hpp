// What the files behind session.hpp share: libssh's things, owned, and the state of a session. With libssh's own
// types in it, so for those files only.
#pragma once

#include <fmt/format.h>
#include <libssh/libssh.h>
#include <poll.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "ssh/options.hpp"
#include "ssh/session.hpp"

namespace ssh {

struct FreeSession {
  void operator()(ssh_session session) const {
    if (ssh_is_connected(session)) ssh_disconnect(session);
    ssh_free(session);
  }
};
struct FreeChannel {
  void operator()(ssh_channel channel) const { ssh_channel_free(channel); }
};
struct FreeKey {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
struct FreeEvent {
  void operator()(ssh_event event) const { ssh_event_free(event); }
};
struct FreeString {
  void operator()(char* text) const { ssh_string_free_char(text); }
};
using SessionHandle = std::unique_ptr<std::remove_pointer_t<ssh_session>, FreeSession>;
using Channel = std::unique_ptr<std::remove_pointer_t<ssh_channel>, FreeChannel>;
using Event = std::unique_ptr<std::remove_pointer_t<ssh_event>, FreeEvent>;
using Key = std::unique_ptr<std::remove_pointer_t<ssh_key>, FreeKey>;
using Text = std::unique_ptr<char, FreeString>;

inline constexpr std::chrono::milliseconds kLookAround{100};

/// For the session: what it may take as the node's key, best first.
std::string host_key_algorithms(const Options& settings);

inline void wait_for_socket(ssh_session session) {
  short events = POLLIN;
  if ((ssh_get_poll_flags(session) & SSH_WRITE_PENDING) != 0) events |= POLLOUT;
  core::wait_for(ssh_get_fd(session), events, kLookAround);
}

// While nobody else uses the session, its keeper answers the node, which may ask whether we are still there.
struct Session::State {
  SessionHandle session{ssh_new()};
  std::mutex in_use;
  Options settings;
  std::string host;
  unsigned port = 22;
  std::string user;
  std::string peer;
  std::chrono::seconds idle_timeout{0};
  Traffic traffic;
  std::jthread keeper;  // ends first

  void connect(const Target& target, std::chrono::steady_clock::time_point deadline);
  void check_host_key(const Target& target);
  void log_in(std::chrono::steady_clock::time_point deadline);
  void take_what_came();
  void keep(const std::stop_token& end);
  Channel open_session();

  /// Repeats `step` until it says something else than `again`; SSH_ERROR once the connection is lost, which libssh does
  /// not always say.
  template <class Step>
  int repeat(int again, std::chrono::steady_clock::time_point deadline, std::string_view what, Step&& step) {
    while (true) {
      core::throw_if_cancelled();
      const int result = step();
      if (result != again) return result;
      if (!ssh_is_connected(session.get())) return SSH_ERROR;
      if (std::chrono::steady_clock::now() > deadline)
        throw core::Error(core::ErrorKind::timeout,
                          fmt::format("{}: no answer while {}; is the node overloaded?", peer, what));
      wait_for_socket(session.get());
    }
  }

  core::Error lost() const {
    return core::Error(core::ErrorKind::unreachable,
                       fmt::format("{}: the connection was lost ({})", peer, last_error()));
  }
  std::string last_error() const { return ssh_get_error(session.get()); }
};

}  // namespace ssh
