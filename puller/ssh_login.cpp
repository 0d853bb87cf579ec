// Getting into a node: ssh's options, the host key, the login. Host keys are checked strictly and never accepted.
#include <fmt/format.h>
#include <libssh/libssh.h>

#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/log.hpp"
#include "puller/connect.hpp"
#include "puller/ssh_state.hpp"

namespace puller {
namespace {

using Clock = std::chrono::steady_clock;
using core::Error;
using core::ErrorKind;

std::string option(ssh_session session, ssh_options_e which) {
  char* raw = nullptr;
  if (ssh_options_get(session, which, &raw) != SSH_OK) return {};
  return Text(raw).get();
}

void set_option(ssh_session session, ssh_options_e which, const void* value) {
  if (ssh_options_set(session, which, value) != SSH_OK)
    throw Error(ErrorKind::usage, fmt::format("ssh does not take this setting: {}", ssh_get_error(session)));
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
  // libssh fills in the local user's name when it connects.
  user = option(session.get(), SSH_OPTIONS_USER);
  peer = fmt::format("{}@{} port {}", user, host, port);
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

}  // namespace puller
