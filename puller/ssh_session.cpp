#include "puller/ssh_session.hpp"

#include <fmt/format.h>
#include <libssh/libssh.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "puller/connect.hpp"

namespace puller {
namespace {

using Clock = std::chrono::steady_clock;
using core::Error;
using core::ErrorKind;

constexpr std::chrono::milliseconds kLookAround{100};
constexpr std::chrono::seconds kBetweenSigns{15};  // of us, for a firewall that forgets who is silent
constexpr std::size_t kErrorOutputBytes = 4096;

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
using Session = std::unique_ptr<std::remove_pointer_t<ssh_session>, FreeSession>;
using Channel = std::unique_ptr<std::remove_pointer_t<ssh_channel>, FreeChannel>;
using Event = std::unique_ptr<std::remove_pointer_t<ssh_event>, FreeEvent>;
using Key = std::unique_ptr<std::remove_pointer_t<ssh_key>, FreeKey>;
using Text = std::unique_ptr<char, FreeString>;

std::string option(ssh_session session, ssh_options_e which) {
  char* raw = nullptr;
  if (ssh_options_get(session, which, &raw) != SSH_OK) return {};
  return Text(raw).get();
}

void set_option(ssh_session session, ssh_options_e which, const void* value) {
  if (ssh_options_set(session, which, value) != SSH_OK)
    throw Error(ErrorKind::usage, fmt::format("ssh does not take this setting: {}", ssh_get_error(session)));
}

void wait_for_socket(ssh_session session) {
  short events = POLLIN;
  if ((ssh_get_poll_flags(session) & SSH_WRITE_PENDING) != 0) events |= POLLOUT;
  core::wait_for(ssh_get_fd(session), events, kLookAround);
}

std::filesystem::path home_directory() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : home;
}

void parse_config(ssh_session session, const std::filesystem::path& file) {
  if (ssh_options_parse_config(session, file.c_str()) != SSH_OK)
    throw Error(ErrorKind::usage, fmt::format("{}: ssh cannot read this configuration", file.string()));
}

// ssh's own order: the target's fields, the user's file, the machine's file. An explicit file replaces both.
void set_options(ssh_session session, const Target& target) {
  const int on = 1;
  const bool off = false;
  const std::filesystem::path home = home_directory();
  set_option(session, SSH_OPTIONS_HOST, target.host.c_str());
  // libssh takes the home from the password database; cron and tests mean $HOME.
  if (!home.empty()) set_option(session, SSH_OPTIONS_SSH_DIR, (home / ".ssh").c_str());
  set_option(session, SSH_OPTIONS_PROCESS_CONFIG, &off);
  if (target.ssh_config) {
    if (!std::filesystem::exists(*target.ssh_config))
      throw Error(ErrorKind::not_found, fmt::format("{}: no such ssh configuration", target.ssh_config->string()));
    parse_config(session, *target.ssh_config);
  } else {
    for (const std::filesystem::path& file : {home / ".ssh/config", std::filesystem::path("/etc/ssh/ssh_config")})
      if (std::filesystem::exists(file)) parse_config(session, file);
  }
  if (target.user) set_option(session, SSH_OPTIONS_USER, target.user->c_str());
  if (target.port) set_option(session, SSH_OPTIONS_PORT, &*target.port);
  if (target.known_hosts) set_option(session, SSH_OPTIONS_KNOWNHOSTS, target.known_hosts->c_str());
  set_option(session, SSH_OPTIONS_STRICTHOSTKEYCHECK, &on);
}

struct HostKey {
  std::string type;         // "ssh-ed25519"
  std::string fingerprint;  // "SHA256:..."
};

HostKey host_key(ssh_session session) {
  ssh_key raw = nullptr;
  unsigned char* hash = nullptr;
  std::size_t size_bytes = 0;
  if (ssh_get_server_publickey(session, &raw) != SSH_OK) return {"unknown", "unknown"};
  const Key key(raw);
  if (ssh_get_publickey_hash(key.get(), SSH_PUBLICKEY_HASH_SHA256, &hash, &size_bytes) != 0)
    return {"unknown", "unknown"};
  const Text text(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size_bytes));
  ssh_clean_pubkey_hash(&hash);
  return {ssh_key_type_to_char(ssh_key_type(key.get())), text ? text.get() : "unknown"};
}

// The name ssh-keyscan and ssh-keygen -f know a key type by: "ed25519", "ecdsa", "rsa".
std::string short_type(const std::string& type) {
  for (const char* name : {"ed25519", "ecdsa", "rsa"})
    if (type.find(name) != std::string::npos) return name;
  return "rsa";
}

}  // namespace

// While nobody else uses the session, its keeper answers the node, which may ask whether we are still there.
struct SshSession::State {
  Session session{ssh_new()};
  std::mutex in_use;
  std::string host;
  unsigned port = 22;
  std::string user;
  std::string peer;
  std::string proxy_command;
  std::chrono::seconds idle_timeout{0};
  Traffic traffic;
  std::jthread keeper;  // ends first

  void connect(const Target& target, Clock::time_point deadline);
  void check_host_key(const Target& target);
  void log_in(const Target& target, Clock::time_point deadline);
  void take_what_came();
  void keep(const std::stop_token& end);

  /// Repeats `step` until it says something else than `again`.
  template <class Step>
  int repeat(int again, Clock::time_point deadline, std::string_view what, Step&& step) {
    while (true) {
      core::throw_if_cancelled();
      const int result = step();
      if (result != again) return result;
      if (Clock::now() > deadline)
        throw Error(ErrorKind::timeout, fmt::format("{}: no answer while {}; is the node overloaded?", peer, what));
      wait_for_socket(session.get());
    }
  }

  std::string last_error() const { return ssh_get_error(session.get()); }
};

void SshSession::State::connect(const Target& target, Clock::time_point deadline) {
  set_options(session.get(), target);
  host = option(session.get(), SSH_OPTIONS_HOST);
  ssh_options_get_port(session.get(), &port);
  user = option(session.get(), SSH_OPTIONS_USER);
  proxy_command = option(session.get(), SSH_OPTIONS_PROXYCOMMAND);
  peer = user.empty() ? fmt::format("{} port {}", host, port) : fmt::format("{}@{} port {}", user, host, port);
  core::log_debug(fmt::format("connecting to {}", peer));
  core::Fd fd;
  if (proxy_command.empty()) {
    fd = connect_tcp(host, port, target.connect_timeout, target.idle_timeout);
    const socket_t number = fd.get();
    set_option(session.get(), SSH_OPTIONS_FD, &number);
  }
  ssh_set_blocking(session.get(), 0);
  const auto step = [&] {
    fd.release();  // ssh_connect owns it from its first call on, whatever comes of it
    return ssh_connect(session.get());
  };
  if (repeat(SSH_AGAIN, deadline, "starting ssh", step) != SSH_OK) {
    throw Error(ErrorKind::unreachable,
                proxy_command.empty()
                    ? fmt::format("{} port {}: no ssh there ({}); is it the right port?", host, port, last_error())
                    : fmt::format("{} port {}: no ssh through the proxy of the ssh configuration ({}); try ssh {} true",
                                  host, port, last_error(), target.host));
  }
}

void SshSession::State::check_host_key(const Target& target) {
  const ssh_known_hosts_e known = ssh_session_is_known_server(session.get());
  if (known == SSH_KNOWN_HOSTS_OK) return;
  const HostKey key = host_key(session.get());
  const std::string file = option(session.get(), SSH_OPTIONS_KNOWNHOSTS);
  const std::string accept =
      proxy_command.empty() ? fmt::format("ssh-keyscan -t {} -p {} {} >> {}", short_type(key.type), port, host, file)
                            : fmt::format("ssh -o UserKnownHostsFile={} {} true", file, target.host);
  const std::string compare =
      fmt::format("ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub on the node", short_type(key.type));
  if (known == SSH_KNOWN_HOSTS_CHANGED || known == SSH_KNOWN_HOSTS_OTHER) {
    const std::string entry = port == 22 ? host : fmt::format("[{}]:{}", host, port);
    throw Error(
        ErrorKind::denied,
        fmt::format(
            "{} port {}: THE HOST KEY HAS CHANGED, this may be another machine listening in: it shows {} {}, {} "
            "has another one; only if you know why, and {} prints the same: ssh-keygen -f {} -R '{}' && {}",
            host, port, key.type, key.fingerprint, file, compare, file, entry, accept));
  }
  if (known == SSH_KNOWN_HOSTS_ERROR)
    throw Error(ErrorKind::denied, fmt::format("{} port {}: the host key could not be checked against {} ({})", host,
                                               port, file, last_error()));
  throw Error(ErrorKind::denied, fmt::format("{} port {}: unknown host key {} {}; if {} prints the same, accept it: {}",
                                             host, port, key.type, key.fingerprint, compare, accept));
}

void SshSession::State::log_in(const Target& target, Clock::time_point deadline) {
  const auto attempt = [&](auto&& step) {
    const int result = repeat(SSH_AUTH_AGAIN, deadline, "logging in", step);
    if (result == SSH_AUTH_ERROR && !ssh_is_connected(session.get()))
      throw Error(ErrorKind::denied, fmt::format("{}: the node ended the login ({})", peer, last_error()));
    return result == SSH_AUTH_SUCCESS;
  };
  std::vector<std::string> tried;
  if (attempt([&] { return ssh_userauth_none(session.get(), nullptr); })) return;
  if (target.identity) {
    ssh_key raw = nullptr;
    const int loaded = ssh_pki_import_privkey_file(target.identity->c_str(), nullptr, nullptr, nullptr, &raw);
    const Key key(raw);
    if (loaded == SSH_OK && attempt([&] { return ssh_userauth_publickey(session.get(), nullptr, key.get()); })) return;
    tried.push_back(target.identity->string() +
                    (loaded == SSH_OK    ? " (refused)"
                     : loaded == SSH_EOF ? " (no such file, or not readable)"
                                         : " (no private key, or one with a passphrase: add it to ssh-agent)"));
  }
  const char* agent = std::getenv("SSH_AUTH_SOCK");
  tried.push_back(agent == nullptr || *agent == '\0' ? "no ssh-agent" : "the keys of ssh-agent");
  // Agent, then every IdentityFile of the configuration, then ssh's default names.
  const std::string first = option(session.get(), SSH_OPTIONS_IDENTITY);
  if (attempt([&] { return ssh_userauth_publickey_auto(session.get(), nullptr, nullptr); })) return;
  tried.push_back(first.empty() ? "ssh's default key files"
                                : "the key files of the ssh configuration, " + first + " first");
  throw Error(ErrorKind::denied,
              fmt::format("{} port {}: login as {} refused; tried {}; put a public key of this machine into "
                          "~{}/.ssh/authorized_keys on the node, or set identity",
                          host, port, user, fmt::join(tried, ", "), user));
}

// Without waiting for it.
void SshSession::State::take_what_came() {
  const Event event(ssh_event_new());
  if (!event || !ssh_is_connected(session.get()) || ssh_event_add_session(event.get(), session.get()) != SSH_OK) return;
  pollfd socket{ssh_get_fd(session.get()), POLLIN, 0};
  while (ssh_is_connected(session.get()) && ::poll(&socket, 1, 0) > 0) ssh_event_dopoll(event.get(), 0);
  ssh_event_remove_session(event.get(), session.get());
}

void SshSession::State::keep(const std::stop_token& end) {
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

SshSession::SshSession(const Target& target) : state_(std::make_unique<State>()) {
  if (!state_->session) throw Error(ErrorKind::storage, "libssh has no memory");
  const auto deadline = Clock::now() + target.connect_timeout;
  state_->idle_timeout = target.idle_timeout;
  state_->connect(target, deadline);
  state_->check_host_key(target);
  // libssh fills in the local user's name when it connects.
  state_->user = option(state_->session.get(), SSH_OPTIONS_USER);
  state_->peer = fmt::format("{}@{} port {}", state_->user, state_->host, state_->port);
  state_->log_in(target, Clock::now() + target.connect_timeout);
  try {
    state_->keeper = std::jthread([state = state_.get()](const std::stop_token& end) { state->keep(end); });
  } catch (const std::system_error& error) {
    throw core::system_error(error.code().value(), "a thread for " + state_->peer);
  }
}

SshSession::SshSession(SshSession&&) noexcept = default;
SshSession& SshSession::operator=(SshSession&&) noexcept = default;
SshSession::~SshSession() = default;
const std::string& SshSession::user() const { return state_->user; }
const std::string& SshSession::peer() const { return state_->peer; }
const Traffic& SshSession::traffic() const { return state_->traffic; }
bool SshSession::is_connected() const {
  const std::lock_guard use(state_->in_use);
  state_->take_what_came();
  return ssh_is_connected(state_->session.get()) != 0;
}

struct SshCommand::State {
  SshSession::State& connection;
  Channel channel;
  std::string error_output;

  State(SshSession::State& over, Channel of) : connection(over), channel(std::move(of)) {}
  State(State&&) = delete;
  ~State() {
    const std::lock_guard use(connection.in_use);
    channel.reset();
  }

  Error lost() const {
    return Error(ErrorKind::unreachable,
                 fmt::format("{}: the connection was lost ({})", connection.peer, connection.last_error()));
  }

  void collect_error_output() {
    char buffer[1024];
    int got = 0;
    while ((got = ssh_channel_read_nonblocking(channel.get(), buffer, sizeof buffer, 1)) > 0) {
      connection.traffic.bytes_received += static_cast<std::uint64_t>(got);
      error_output.append(buffer, static_cast<std::size_t>(got));
      if (error_output.size() > kErrorOutputBytes) error_output.erase(0, error_output.size() - kErrorOutputBytes);
    }
  }

  void wait(const core::Stopwatch& silence) const {
    if (!ssh_is_connected(connection.session.get())) throw lost();
    if (silence.elapsed() > connection.idle_timeout)
      throw Error(ErrorKind::timeout,
                  fmt::format("{}: no word from the node for {} s; is it overloaded, or the network gone?",
                              connection.peer, connection.idle_timeout.count()));
    wait_for_socket(connection.session.get());
  }
};

SshCommand SshSession::start(const std::string& command_line) {
  const std::lock_guard use(state_->in_use);
  const auto deadline = Clock::now() + state_->idle_timeout;
  Channel channel(ssh_channel_new(state_->session.get()));
  const auto check = [&](std::string_view what, auto&& step) {
    if (!channel || state_->repeat(SSH_AGAIN, deadline, what, step) != SSH_OK)
      throw Error(ErrorKind::unreachable, fmt::format("{}: {} failed ({})", state_->peer, what, state_->last_error()));
  };
  check("opening a channel", [&] { return ssh_channel_open_session(channel.get()); });
  check("starting a command", [&] { return ssh_channel_request_exec(channel.get(), command_line.c_str()); });
  return SshCommand(std::make_unique<SshCommand::State>(*state_, std::move(channel)));
}

SshCommand::SshCommand(std::unique_ptr<State> state) : state_(std::move(state)) {}
SshCommand::SshCommand(SshCommand&&) noexcept = default;
SshCommand::~SshCommand() = default;

void SshCommand::write(std::string_view bytes) {
  const std::lock_guard use(state_->connection.in_use);
  core::Stopwatch silence;
  while (!bytes.empty()) {
    core::throw_if_cancelled();
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

std::size_t SshCommand::read(char* buffer, std::size_t size_bytes) {
  const std::lock_guard use(state_->connection.in_use);
  const core::Stopwatch silence;
  while (true) {
    core::throw_if_cancelled();
    state_->collect_error_output();
    const auto block = static_cast<std::uint32_t>(std::min<std::size_t>(size_bytes, 1U << 20U));
    const int got = ssh_channel_read_nonblocking(state_->channel.get(), buffer, block, 0);
    if (got > 0) {
      state_->connection.traffic.bytes_received += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
    if (got == SSH_ERROR) throw state_->lost();
    if (got == SSH_EOF || ssh_channel_is_eof(state_->channel.get()) != 0) return 0;
    state_->wait(silence);
  }
}

std::string_view SshCommand::error_output() const { return state_->error_output; }

std::optional<int> SshCommand::exit_status() {
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

struct SshRelay::State {
  SshSession::State& connection;
  Channel channel;

  State(SshSession::State& over, Channel of) : connection(over), channel(std::move(of)) {}
  State(State&&) = delete;
  ~State() {
    const std::lock_guard use(connection.in_use);
    channel.reset();
  }
};

SshRelay SshSession::connect(const std::string& host, unsigned port) {
  const std::lock_guard use(state_->in_use);
  Channel channel(ssh_channel_new(state_->session.get()));
  const auto step = [&] {
    return ssh_channel_open_forward(channel.get(), host.c_str(), static_cast<int>(port), "127.0.0.1", 0);
  };
  if (!channel || state_->repeat(SSH_AGAIN, Clock::now() + state_->idle_timeout, "connecting", step) != SSH_OK) {
    const std::string reason = state_->last_error();
    if (reason.find("prohibited") != std::string::npos)
      throw Error(ErrorKind::denied,
                  fmt::format("{}: the node's sshd forwards no connections; allow it for this user in "
                              "/etc/ssh/sshd_config: AllowTcpForwarding local",
                              state_->peer));
    throw Error(ErrorKind::unreachable,
                fmt::format("{}: nothing answers at {} port {} on the node ({})", state_->peer, host, port, reason));
  }
  return SshRelay(std::make_unique<SshRelay::State>(*state_, std::move(channel)));
}

SshRelay::SshRelay(std::unique_ptr<State> state) : state_(std::move(state)) {}
SshRelay::SshRelay(SshRelay&&) noexcept = default;
SshRelay::~SshRelay() = default;

void SshRelay::pump(const core::Fd& local) {
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

}  // namespace puller
