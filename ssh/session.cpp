#include "ssh/session.hpp"

#include <fmt/format.h>
#include <libssh/libssh.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "ssh/state.hpp"

namespace ssh {
namespace {

using Clock = std::chrono::steady_clock;
using core::Error;
using core::ErrorKind;

constexpr std::chrono::seconds kBetweenSigns{15};  // of us, for a firewall that forgets who is silent
constexpr std::chrono::seconds kRefusedFor{5};
constexpr std::string_view kProhibited = "error (1)";  // SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, in libssh's words
constexpr std::size_t kErrorOutputBytes = 4096;

}  // namespace

// Without waiting for it.
void Session::State::take_what_came() {
  const Event event(ssh_event_new());
  if (!event || !ssh_is_connected(session.get()) || ssh_event_add_session(event.get(), session.get()) != SSH_OK) return;
  pollfd socket{ssh_get_fd(session.get()), POLLIN, 0};
  while (ssh_is_connected(session.get()) && ::poll(&socket, 1, 0) > 0)
    if (ssh_event_dopoll(event.get(), 0) != SSH_OK) break;
  ssh_event_remove_session(event.get(), session.get());
}

void Session::State::keep(const std::stop_token& end) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any ended;
  core::Stopwatch silence;
  while (!ended.wait_for(lock, end, kLookAround, [&] { return end.stop_requested(); })) {
    const std::unique_lock use(in_use, std::try_to_lock);
    if (!use) continue;
    take_what_came();
    if (silence.elapsed() < kBetweenSigns) continue;
    ssh_send_ignore(session.get(), "");
    silence = core::Stopwatch();
  }
}

Session::Session(const Target& target) : state_(std::make_unique<State>()) {
  if (!state_->session) throw Error(ErrorKind::storage, "no memory for an ssh session; free some on this machine");
  state_->idle_timeout = target.idle_timeout;
  state_->settings = read_options(target);
  const auto deadline = Clock::now() + target.connect_timeout;
  state_->connect(target, deadline);
  state_->check_host_key(target);
  state_->log_in(Clock::now() + target.connect_timeout);
  try {
    state_->keeper = std::jthread([state = state_.get()](const std::stop_token& end) { state->keep(end); });
  } catch (const std::system_error& error) {
    throw core::system_error(error.code().value(), "a thread for " + state_->peer);
  }
}

Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;
const std::string& Session::user() const { return state_->user; }
const std::string& Session::peer() const { return state_->peer; }
const Traffic& Session::traffic() const { return state_->traffic; }
bool Session::is_connected() const {
  const std::lock_guard use(state_->in_use);
  state_->take_what_came();
  return ssh_is_connected(state_->session.get()) != 0;
}

struct Command::State {
  Session::State& connection;
  Channel channel;
  std::string error_output;
  Clock::time_point deadline = Clock::time_point::max();
  std::chrono::seconds within{0};

  State(Session::State& over, Channel of) : connection(over), channel(std::move(of)) {}
  State(State&&) = delete;
  ~State() {
    const std::lock_guard use(connection.in_use);
    channel.reset();
  }

  void collect_error_output() {
    char buffer[1024];
    int got = 0;
    // A flood of them must not keep us from everything else.
    for (int i = 0; i < 64 && (got = ssh_channel_read_nonblocking(channel.get(), buffer, sizeof buffer, 1)) > 0; ++i) {
      connection.traffic.bytes_received += static_cast<std::uint64_t>(got);
      error_output.append(buffer, static_cast<std::size_t>(got));
      if (error_output.size() > kErrorOutputBytes) error_output.erase(0, error_output.size() - kErrorOutputBytes);
    }
  }

  void check_deadline() const {
    core::throw_if_cancelled();
    if (Clock::now() > deadline)
      throw Error(ErrorKind::timeout,
                  fmt::format("{}: the node's program goes on without coming to its end, which was due after {}; on "
                              "a very slow link set limits.rate lower; else see who has changed that program",
                              connection.peer, core::format_duration(within)));
  }

  void wait(const core::Stopwatch& silence) const {
    if (!ssh_is_connected(connection.session.get())) throw connection.lost();
    if (silence.elapsed() > connection.idle_timeout)
      throw Error(ErrorKind::timeout,
                  fmt::format("{}: no word from the node for {} s; is it overloaded, or the network gone?",
                              connection.peer, connection.idle_timeout.count()));
    wait_for_socket(connection.session.get());
  }
};

// sshd counts a command until it has seen its end, so one that is refused just after another may be taken a little
// later.
Channel Session::State::open_session() {
  const core::Stopwatch refused;
  while (true) {
    Channel channel(ssh_channel_new(session.get()));
    if (!channel) throw Error(ErrorKind::storage, "no memory for an ssh session; free some on this machine");
    const auto step = [&] { return ssh_channel_open_session(channel.get()); };
    if (repeat(SSH_AGAIN, Clock::now() + idle_timeout, "opening a channel", step) == SSH_OK) return channel;
    if (!ssh_is_connected(session.get())) throw lost();
    if (refused.elapsed() > kRefusedFor)
      throw Error(
          ErrorKind::denied,
          fmt::format("{}: sshd on the node takes no more commands on this connection (MaxSessions); type on the "
                      "node: sudo sed -i '1i MaxSessions 10' /etc/ssh/sshd_config && sudo kill -HUP $(cat "
                      "/run/sshd.pid)",
                      peer));
    wait_for_socket(session.get());
  }
}

Command Session::start(const std::string& command_line) {
  const std::lock_guard use(state_->in_use);
  Channel channel = state_->open_session();
  const auto deadline = Clock::now() + state_->idle_timeout;
  const auto step = [&] { return ssh_channel_request_exec(channel.get(), command_line.c_str()); };
  if (state_->repeat(SSH_AGAIN, deadline, "starting a command", step) != SSH_OK) {
    if (!ssh_is_connected(state_->session.get())) throw state_->lost();
    throw Error(ErrorKind::denied, fmt::format("{}: the node's sshd starts no command for this user; does its "
                                               "/etc/ssh/sshd_config or authorized_keys restrict it?",
                                               state_->peer));
  }
  return Command(std::make_unique<Command::State>(*state_, std::move(channel)));
}

Command::Command(std::unique_ptr<State> state) : state_(std::move(state)) {}
Command::Command(Command&&) noexcept = default;
Command::~Command() = default;

void Command::finish_by(std::chrono::steady_clock::time_point deadline, std::chrono::seconds within) {
  state_->deadline = deadline;
  state_->within = within;
}

void Command::write(std::string_view bytes) {
  const std::lock_guard use(state_->connection.in_use);
  core::Stopwatch silence;
  while (!bytes.empty()) {
    state_->check_deadline();
    const auto block = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), 32768));
    const int put = ssh_channel_write(state_->channel.get(), bytes.data(), block);
    if (put == SSH_ERROR) return;  // it has ended; what it said is in its output
    if (put > 0) {
      state_->connection.traffic.bytes_sent += static_cast<std::uint64_t>(put);
      bytes.remove_prefix(static_cast<std::size_t>(put));
      silence = core::Stopwatch();
    } else {
      state_->wait(silence);
    }
  }
}

std::size_t Command::read(char* buffer, std::size_t size_bytes) {
  const std::lock_guard use(state_->connection.in_use);
  const core::Stopwatch silence;
  while (true) {
    state_->check_deadline();
    state_->collect_error_output();
    const auto block = static_cast<std::uint32_t>(std::min<std::size_t>(size_bytes, 1U << 20U));
    const int got = ssh_channel_read_nonblocking(state_->channel.get(), buffer, block, 0);
    if (got > 0) {
      state_->connection.traffic.bytes_received += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
    if (got == SSH_ERROR) throw state_->connection.lost();
    if (got == SSH_EOF || ssh_channel_is_eof(state_->channel.get()) != 0) return 0;
    state_->wait(silence);
  }
}

const std::string& Command::user() const { return state_->connection.user; }
const std::string& Command::peer() const { return state_->connection.peer; }
std::string_view Command::error_output() const { return state_->error_output; }

std::optional<int> Command::exit_status() {
  const std::lock_guard use(state_->connection.in_use);
  const core::Stopwatch waiting;
  while (waiting.elapsed() < std::chrono::seconds(2)) {
    core::throw_if_cancelled();
    state_->collect_error_output();
    const int status = ssh_channel_get_exit_status(state_->channel.get());
    if (status >= 0) return status;
    if (ssh_channel_is_closed(state_->channel.get()) != 0 || !ssh_is_connected(state_->connection.session.get())) break;
    wait_for_socket(state_->connection.session.get());
  }
  return std::nullopt;
}

struct Relay::State {
  Session::State& connection;
  Channel channel;

  State(Session::State& over, Channel of) : connection(over), channel(std::move(of)) {}
  State(State&&) = delete;
  ~State() {
    const std::lock_guard use(connection.in_use);
    channel.reset();
  }
};

Relay Session::connect(const std::string& host, unsigned port) {
  const std::lock_guard use(state_->in_use);
  Channel channel(ssh_channel_new(state_->session.get()));
  const auto step = [&] {
    return ssh_channel_open_forward(channel.get(), host.c_str(), static_cast<int>(port), "127.0.0.1", 0);
  };
  if (!channel || state_->repeat(SSH_AGAIN, Clock::now() + state_->idle_timeout, "connecting", step) != SSH_OK) {
    const std::string reason = state_->last_error();
    if (reason.find(kProhibited) != std::string::npos)
      throw Error(ErrorKind::denied,
                  fmt::format("{}: the node's sshd forwards no connections; type on the node: sudo sed -i '1i "
                              "DisableForwarding no\\nAllowTcpForwarding local' /etc/ssh/sshd_config && sudo kill -HUP "
                              "$(cat /run/sshd.pid)",
                              state_->peer));
    throw Error(ErrorKind::unreachable,
                fmt::format("{}: nothing answers at {} port {} on the node ({})", state_->peer, host, port, reason));
  }
  return Relay(std::make_unique<Relay::State>(*state_, std::move(channel)));
}

Relay::Relay(std::unique_ptr<State> state) : state_(std::move(state)) {}
Relay::Relay(Relay&&) noexcept = default;
Relay::~Relay() = default;

void Relay::pump(const core::Fd& local) {
  const std::lock_guard use(state_->connection.in_use);
  ssh_channel channel = state_->channel.get();
  ssh_session session = state_->connection.session.get();
  std::array<char, 65536> to_local;
  std::array<char, 32768> to_node;
  std::string_view for_local;
  std::string_view for_node;
  while (true) {
    bool moved = false;
    if (for_local.empty()) {
      const int got = ssh_channel_read_nonblocking(channel, to_local.data(), to_local.size(), 0);
      if (got > 0) for_local = {to_local.data(), static_cast<std::size_t>(got)};
      if (got == SSH_ERROR || !ssh_is_connected(session)) return;
      if (got <= 0 && ssh_channel_is_eof(channel) != 0) return;
    }
    if (!for_local.empty()) {
      const ssize_t put = ::send(local.get(), for_local.data(), for_local.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (put < 0 && errno != EAGAIN) return;
      if (put > 0) for_local.remove_prefix(static_cast<std::size_t>(put));
      moved = put > 0;
    }
    if (for_node.empty()) {
      const ssize_t got = ::recv(local.get(), to_node.data(), to_node.size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return;
      if (got > 0) for_node = {to_node.data(), static_cast<std::size_t>(got)};
    }
    if (!for_node.empty()) {
      const int put = ssh_channel_write(channel, for_node.data(), static_cast<std::uint32_t>(for_node.size()));
      if (put == SSH_ERROR) return;
      if (put > 0) for_node.remove_prefix(static_cast<std::size_t>(put));
      moved = moved || put > 0;
    }
    core::throw_if_cancelled();
    if (moved) continue;
    const bool writing = (ssh_get_poll_flags(session) & SSH_WRITE_PENDING) != 0;
    std::array<pollfd, 2> ends{
        {{ssh_get_fd(session), static_cast<short>(writing ? POLLIN | POLLOUT : POLLIN), 0},
         {local.get(), static_cast<short>((for_node.empty() ? POLLIN : 0) | (for_local.empty() ? 0 : POLLOUT)), 0}}};
    ::poll(ends.data(), ends.size(), static_cast<int>(kLookAround.count()));
  }
}

}  // namespace ssh
