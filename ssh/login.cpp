// Getting into a node: libssh's options, the connection, the login. The node's key is host_key.cpp's.
#include <fmt/format.h>
#include <libssh/libssh.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"
#include "core/shell_quote.hpp"
#include "ssh/agent.hpp"
#include "ssh/connect.hpp"
#include "ssh/state.hpp"

namespace ssh {
namespace {

using Clock = std::chrono::steady_clock;
using core::Error;
using core::ErrorKind;

std::string option(ssh_session session, ssh_options_e which) {
  char* raw = nullptr;
  if (ssh_options_get(session, which, &raw) != SSH_OK) return {};
  return Text(raw).get();
}

void set_option(ssh_session session, ssh_options_e which, const void* value, std::string_view what) {
  if (ssh_options_set(session, which, value) == SSH_OK) return;
  const std::string why = ssh_get_error(session);
  throw Error(ErrorKind::usage, fmt::format("the ssh library does not take this {}{}; set another in the ssh "
                                            "configuration",
                                            what, why.empty() ? "" : " (" + why + ")"));
}

void set_text(ssh_session session, ssh_options_e which, const std::string& value, std::string_view name) {
  if (!value.empty()) set_option(session, which, value.c_str(), fmt::format("{}: {}", name, value));
}

// libssh replaces tokens once more.
std::string without_tokens(const std::string& command) {
  std::string text;
  for (const char c : command) text += c == '%' ? "%%" : std::string(1, c);
  return text;
}

void set_options(ssh_session session, const Options& settings) {
  const int on = 1;
  const bool off = false;
  set_option(session, SSH_OPTIONS_PROCESS_CONFIG, &off, "option");
  set_text(session, SSH_OPTIONS_HOST, settings.host, "host");
  set_option(session, SSH_OPTIONS_PORT, &settings.port, "port");
  set_text(session, SSH_OPTIONS_USER, settings.user, "user");
  set_text(session, SSH_OPTIONS_PROXYCOMMAND, without_tokens(settings.proxy_command), "ProxyCommand");
  set_text(session, SSH_OPTIONS_HOSTKEYS, host_key_algorithms(settings), "HostKeyAlgorithms");
  const auto algorithms = [&](const std::string& keyword) {
    const auto found = settings.algorithms.find(keyword);
    return found == settings.algorithms.end() ? std::string() : found->second;
  };
  set_text(session, SSH_OPTIONS_KEY_EXCHANGE, algorithms("kexalgorithms"), "KexAlgorithms");
  set_text(session, SSH_OPTIONS_CIPHERS_C_S, algorithms("ciphers"), "Ciphers");
  set_text(session, SSH_OPTIONS_CIPHERS_S_C, algorithms("ciphers"), "Ciphers");
  set_text(session, SSH_OPTIONS_HMAC_C_S, algorithms("macs"), "MACs");
  set_text(session, SSH_OPTIONS_HMAC_S_C, algorithms("macs"), "MACs");
  set_text(session, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, algorithms("pubkeyacceptedalgorithms"),
           "PubkeyAcceptedAlgorithms");
  if (settings.compression) set_text(session, SSH_OPTIONS_COMPRESSION, "yes", "Compression");
  // The node's key is compared by host_key.cpp.
  set_text(session, SSH_OPTIONS_KNOWNHOSTS, "/dev/null", "option");
  set_text(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null", "option");
  set_option(session, SSH_OPTIONS_STRICTHOSTKEYCHECK, &on, "option");
}

// A public key as ssh sends it, of a line "TYPE BASE64 COMMENT".
std::string blob_of_line(const std::string& line) {
  std::istringstream words(line);
  std::string type;
  std::string encoded;
  words >> type >> encoded;
  const std::optional<core::Secret> blob = core::decode_base64(encoded);
  return type.find('-') == std::string::npos || !blob ? "" : std::string(blob->view());
}

std::string blob_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return blob_of_line(line);
}

// "ssh-ed25519 AAAA..."
std::string line_of(const Key& key) {
  char* encoded = nullptr;
  if (!key || ssh_pki_export_pubkey_base64(key.get(), &encoded) != SSH_OK) return {};
  return fmt::format("{} {}", ssh_key_type_to_char(ssh_key_type(key.get())), Text(encoded).get());
}

Key private_key(const std::filesystem::path& file) {
  ssh_key raw = nullptr;
  return ssh_pki_import_privkey_file(file.c_str(), nullptr, nullptr, nullptr, &raw) == SSH_OK ? Key(raw) : Key();
}

// The public half of what is in `file`, also when its private half is locked by a passphrase, or not there.
std::string public_line(const std::filesystem::path& file) {
  for (const std::string& name : {file.string() + ".pub", file.string()}) {
    ssh_key raw = nullptr;
    if (ssh_pki_import_pubkey_file(name.c_str(), &raw) == SSH_OK) return line_of(Key(raw));
  }
  return line_of(private_key(file));
}

std::vector<std::filesystem::path> certificates_for(const std::filesystem::path& identity, const Options& settings) {
  std::vector<std::filesystem::path> files = settings.certificates;
  files.insert(files.begin(), identity.string() + "-cert.pub");
  return files;
}

// `identity` with the certificate in `file`; empty when that is none, or one for another key.
Key certified(const std::filesystem::path& identity, const std::filesystem::path& file) {
  ssh_key raw = nullptr;
  if (ssh_pki_import_cert_file(file.c_str(), &raw) != SSH_OK) return {};
  const Key certificate(raw);
  Key key = private_key(identity);
  return key && ssh_pki_copy_cert_to_privkey(certificate.get(), key.get()) == SSH_OK ? std::move(key) : Key();
}

// For who could not log in: how this machine's key gets onto the node.
std::string key_cure(const std::string& user, const std::string& line, const std::filesystem::path& new_key) {
  if (line.empty())
    return fmt::format("make a key; type: ssh-keygen -q -t ed25519 -N '' -f {}", core::shell_word(new_key));
  return fmt::format(
      "let this machine's key in, or see what sshd there logs where it is in already (a locked account, AllowUsers, "
      "modes of ~/.ssh); type on the node: sudo -Hu {} sh -c 'umask 077 && mkdir -p ~/.ssh && "
      "echo {} >>~/.ssh/authorized_keys'",
      user, line);
}

}  // namespace

Options read_options_by_libssh(const Target& target) {
  const SessionHandle session(ssh_new());
  if (!session) throw Error(ErrorKind::storage, "no memory for ssh");
  set_text(session.get(), SSH_OPTIONS_HOST, target.host, "host");
  set_text(session.get(), SSH_OPTIONS_SSH_DIR, home_directory() / ".ssh", "directory");
  for (const std::filesystem::path& file : config_files(target))
    if (std::filesystem::exists(file) && ssh_options_parse_config(session.get(), file.c_str()) != SSH_OK)
      throw Error(ErrorKind::usage, fmt::format("{}: ssh cannot read this configuration; fix it, or name another as "
                                                "ssh_config",
                                                file.string()));
  Options settings;
  settings.host = option(session.get(), SSH_OPTIONS_HOST);
  ssh_options_get_port(session.get(), &settings.port);
  if (target.port) settings.port = static_cast<unsigned>(*target.port);
  settings.user = target.user ? *target.user : option(session.get(), SSH_OPTIONS_USER);
  settings.proxy_command = option(session.get(), SSH_OPTIONS_PROXYCOMMAND);
  const std::string known = option(session.get(), SSH_OPTIONS_KNOWNHOSTS);
  settings.known_hosts = {target.known_hosts ? *target.known_hosts
                          : known.empty()    ? home_directory() / ".ssh/known_hosts"
                                             : std::filesystem::path(known),
                          "/etc/ssh/ssh_known_hosts"};
  if (target.identity) {
    settings.identities = {*target.identity};
    settings.other_keys = OtherKeys::not_offered;
  } else {
    if (const std::string first = option(session.get(), SSH_OPTIONS_IDENTITY); !first.empty())
      settings.identities.emplace_back(first);
    for (const char* name : {"id_ed25519", "id_ecdsa", "id_rsa"})
      settings.identities.push_back(home_directory() / ".ssh" / name);
  }
  const char* agent = std::getenv("SSH_AUTH_SOCK");
  settings.agent = agent == nullptr ? "" : agent;
  return settings;
}

void Session::State::connect(const Target& target, Clock::time_point deadline) {
  host = settings.host;
  port = settings.port;
  user = settings.user;
  peer = user.empty() ? fmt::format("{} port {}", host, port) : fmt::format("{}@{} port {}", user, host, port);
  set_options(session.get(), settings);
  core::log_debug(fmt::format("connecting to {}", peer));
  core::Fd fd;
  if (settings.proxy_command.empty()) {
    fd = connect_tcp(host, port, target.connect_timeout, target.idle_timeout);
    const socket_t number = fd.get();
    set_option(session.get(), SSH_OPTIONS_FD, &number, "connection");
  }
  ssh_set_blocking(session.get(), 0);
  const auto step = [&] {
    fd.release();  // ssh_connect owns it from its first call on, whatever comes of it
    return ssh_connect(session.get());
  };
  if (repeat(SSH_AGAIN, deadline, "starting ssh", step) != SSH_OK) {
    throw Error(ErrorKind::unreachable,
                settings.proxy_command.empty()
                    ? fmt::format("{} port {}: no ssh there ({}); is it the right port?", host, port, last_error())
                    : fmt::format("{} port {}: no ssh through the proxy of the ssh configuration ({}); see that ssh "
                                  "itself gets to {} through it",
                                  host, port, last_error(), target.host));
  }
  // libssh fills in the local user's name when it connects.
  user = option(session.get(), SSH_OPTIONS_USER);
  peer = fmt::format("{}@{} port {}", user, host, port);
}

// As ssh does it: the agent's keys that the configuration names, its others, then the key files.
void Session::State::log_in(Clock::time_point deadline) {
  const auto attempt = [&](auto&& step) {
    const int result = repeat(SSH_AUTH_AGAIN, deadline, "logging in", step);
    if (result == SSH_AUTH_PARTIAL)
      throw Error(ErrorKind::denied,
                  fmt::format("{}: the node takes the key and wants more, a password or a code, which "
                              "nobody is there to type; let a key be enough for this user in the "
                              "node's /etc/ssh/sshd_config (AuthenticationMethods publickey)",
                              peer));
    if (result != SSH_AUTH_ERROR || ssh_is_connected(session.get())) return result == SSH_AUTH_SUCCESS;
    const std::string said = last_error();
    if (said.find("Too many authentication failures") == std::string::npos)
      throw Error(ErrorKind::denied, fmt::format("{}: the node ended the login ({})", peer, said));
    throw Error(
        ErrorKind::denied,
        fmt::format("{}: the node lets nobody try that many keys (MaxAuthTries), and this machine offered others "
                    "first; set identity of the cluster to the key that the node knows, or IdentityFile and "
                    "IdentitiesOnly yes in the ssh configuration",
                    peer));
  };
  if (attempt([&] { return ssh_userauth_none(session.get(), nullptr); })) return;

  std::vector<std::string> requested;
  std::string first_line;
  for (const std::filesystem::path& identity : settings.identities) {
    const std::string line = public_line(identity);
    if (first_line.empty()) first_line = line;
    for (const std::filesystem::path& file : certificates_for(identity, settings)) requested.push_back(blob_in(file));
    requested.push_back(blob_of_line(line));
  }
  std::erase(requested, "");
  std::vector<std::string> tried;
  AgentView agent(settings.agent, requested, settings.other_keys);
  if (!agent.keys().empty()) {
    ssh_set_agent_socket(session.get(), agent.take_client_end().release());
    if (attempt([&] { return ssh_userauth_agent(session.get(), nullptr); })) return;
    tried.push_back(fmt::format("{} of ssh-agent", agent.keys().size() == 1 ? "a key" : "the keys"));
  }
  const auto offer = [&](const Key& key) {
    return key && attempt([&] { return ssh_userauth_publickey(session.get(), nullptr, key.get()); });
  };
  for (const std::filesystem::path& identity : settings.identities) {
    if (!std::filesystem::exists(identity)) continue;
    const std::string blob = blob_of_line(public_line(identity));
    if (std::find(agent.keys().begin(), agent.keys().end(), blob) != agent.keys().end()) continue;
    for (const std::filesystem::path& file : certificates_for(identity, settings))
      if (offer(certified(identity, file))) return;
    const Key key = private_key(identity);
    if (offer(key)) return;
    tried.push_back(identity.string() +
                    (key ? " (refused)" : " (no private key, or one with a passphrase: add it to ssh-agent)"));
  }
  if (tried.empty()) tried.emplace_back("nothing, as there is no key here");
  throw Error(ErrorKind::denied, fmt::format("{}: login refused; tried {}; {}", peer, fmt::join(tried, ", "),
                                             key_cure(user, first_line, home_directory() / ".ssh/id_ed25519")));
}

}  // namespace ssh
