// Is this the node? Its key against every known_hosts file of the configuration, as ssh does it. libssh compares with
// one file, and knows neither aliases nor what is marked there.
#include <fmt/format.h>
#include <libssh/libssh.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "core/error.hpp"
#include "core/mutation.hpp"
#include "core/shell_quote.hpp"
#include "ssh/state.hpp"

namespace ssh {
namespace {

using core::Error;
using core::ErrorKind;

enum class Mark { none, revoked, authority };

struct KnownKey {
  Key key;
  Mark mark = Mark::none;
  std::filesystem::path file;
  std::size_t line = 0;
};

struct FreeEntry {
  void operator()(ssh_knownhosts_entry* entry) const { ssh_knownhosts_entry_free(entry); }
};

// What a line of known_hosts says of `name`.
std::optional<KnownKey> known_key(const std::string& name, std::string line) {
  KnownKey known;
  if (line.starts_with('@')) {
    const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
    const std::string mark = line.substr(0, space);
    if (mark != "@revoked" && mark != "@cert-authority") return std::nullopt;
    known.mark = mark == "@revoked" ? Mark::revoked : Mark::authority;
    line.erase(0, std::min(line.find_first_not_of(" \t", space), line.size()));
  }
  ssh_knownhosts_entry* raw = nullptr;
  const int matched = ssh_known_hosts_parse_line(name.c_str(), line.c_str(), &raw);
  const std::unique_ptr<ssh_knownhosts_entry, FreeEntry> entry(raw);
  if (matched != SSH_OK) return std::nullopt;
  known.key = Key(std::exchange(entry->publickey, nullptr));
  return known;
}

std::vector<KnownKey> known_keys(const std::string& name, const std::vector<std::filesystem::path>& files) {
  std::vector<KnownKey> found;
  for (const std::filesystem::path& path : files) {
    std::ifstream file(path);
    std::size_t number = 1;
    for (std::string line; std::getline(file, line); ++number) {
      std::optional<KnownKey> known = known_key(name, line);
      if (!known) continue;
      known->file = path;
      known->line = number;
      found.push_back(std::move(*known));
    }
  }
  return found;
}

// As ssh looks it up: by its alias; else with the port, and where that is not known without.
std::string entry_name(const Options& settings) {
  std::string name = settings.host_key_alias.empty() ? settings.host : settings.host_key_alias;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return settings.port == 22 || !settings.host_key_alias.empty() ? name : fmt::format("[{}]:{}", name, settings.port);
}

std::vector<KnownKey> known_keys(const Options& settings) {
  std::vector<KnownKey> found = known_keys(entry_name(settings), settings.known_hosts);
  if (!found.empty() || !settings.host_key_alias.empty()) return found;
  Options without_port = settings;
  without_port.port = 22;
  return known_keys(entry_name(without_port), settings.known_hosts);
}

// "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa".
std::string type_of(const Key& key) {
  const char* curve = ssh_pki_key_ecdsa_name(key.get());
  const ssh_keytypes_e type = ssh_key_type(key.get());
  if (type == SSH_KEYTYPE_ECDSA_P256 || type == SSH_KEYTYPE_ECDSA_P384 || type == SSH_KEYTYPE_ECDSA_P521)
    return curve == nullptr ? "" : curve;
  return ssh_key_type_to_char(type);
}

bool signs_with(const std::string& type, const std::string& algorithm) {
  return algorithm == type || (type == "ssh-rsa" && algorithm.starts_with("rsa-sha2-"));
}

// The name ssh-keyscan and ssh-keygen -f know a key type by.
std::string short_type(const std::string& type) {
  for (const char* name : {"ed25519", "ecdsa", "rsa"})
    if (type.find(name) != std::string::npos) return name;
  return "rsa";
}

std::string fingerprint_of(const Key& key) {
  unsigned char* hash = nullptr;
  std::size_t size_bytes = 0;
  if (ssh_get_publickey_hash(key.get(), SSH_PUBLICKEY_HASH_SHA256, &hash, &size_bytes) != 0) return "unknown";
  const Text text(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size_bytes));
  ssh_clean_pubkey_hash(&hash);
  return text ? text.get() : "unknown";
}

// The command that writes the host's key into the first known_hosts file.
std::string accepting(const Options& settings, const Target& target, const std::string& type) {
  const std::filesystem::path file =
      settings.known_hosts.empty() ? "/etc/ssh/ssh_known_hosts" : settings.known_hosts[0];
  std::string command;
  if (!std::filesystem::exists(file.parent_path()))
    command = fmt::format("mkdir -p -m 700 {} && ", core::shell_word(file.parent_path()));
  if (settings.proxy_command.empty()) {
    command += fmt::format("ssh-keyscan -t {} -p {} {}", short_type(type), settings.port, settings.host);
    if (!settings.host_key_alias.empty()) command += fmt::format(" | sed 's/^[^ ]*/{}/'", settings.host_key_alias);
    return command + " >> " + core::shell_word(file);
  }
  command += "ssh";
  if (target.ssh_config) command += " -F " + core::shell_word(*target.ssh_config);
  return command + fmt::format(" -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={} -p {} {}@{} true",
                               core::shell_word(file), settings.port, settings.user, target.host);
}

}  // namespace

// Those first of which a key is known, as the node has others, too.
std::string host_key_algorithms(const Options& settings) {
  const auto given = settings.algorithms.find("hostkeyalgorithms");
  std::istringstream list(given != settings.algorithms.end()
                              ? given->second
                              : "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,"
                                "rsa-sha2-256");
  std::vector<std::string> algorithms;
  for (std::string name; std::getline(list, name, ',');) algorithms.push_back(name);
  const std::vector<KnownKey> known = known_keys(settings);
  std::stable_partition(algorithms.begin(), algorithms.end(), [&](const std::string& algorithm) {
    return std::any_of(known.begin(), known.end(), [&](const KnownKey& key) {
      return key.mark == Mark::none && signs_with(type_of(key.key), algorithm);
    });
  });
  return fmt::format("{}", fmt::join(algorithms, ","));
}

void Session::State::check_host_key(const Target& target) {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session.get(), &raw) != SSH_OK)
    throw Error(ErrorKind::unreachable, fmt::format("{}: the node shows no host key ({})", peer, last_error()));
  const Key shown(raw);
  const KnownKey* other = nullptr;
  const KnownKey* authority = nullptr;
  bool matched = false;
  const std::vector<KnownKey> known = known_keys(settings);
  for (const KnownKey& key : known) {
    const bool same = ssh_key_cmp(key.key.get(), shown.get(), SSH_KEY_CMP_PUBLIC) == 0;
    if (key.mark == Mark::authority)
      authority = &key;
    else if (same && key.mark == Mark::revoked)
      throw Error(
          ErrorKind::denied,
          fmt::format("{}: the node shows a host key that is revoked in {} line {}; give the node a new one, or "
                      "take that line out",
                      peer, key.file.string(), key.line));
    else if (same)
      matched = true;
    else if (key.mark == Mark::none)
      other = &key;
  }
  if (matched || core::mutated("pull-any-host-key")) return;
  const std::string type = type_of(shown);
  const std::string accept = accepting(settings, target, type);
  const std::string compare = fmt::format("ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub on the node", short_type(type));
  if (other != nullptr)
    throw Error(
        ErrorKind::denied,
        fmt::format("{} port {}: THE HOST KEY HAS CHANGED, this may be another machine listening in: it shows {} "
                    "{}, {} line {} has another one; only if you know why, and {} prints the same, accept it; "
                    "type: ssh-keygen -f {} -R '{}' && {}",
                    host, port, type, fingerprint_of(shown), other->file.string(), other->line, compare,
                    core::shell_word(other->file), entry_name(settings), accept));
  const std::string not_enough =
      authority == nullptr
          ? ""
          : fmt::format(" ({} line {} trusts a certificate authority, which is the ssh client's alone to check)",
                        authority->file.string(), authority->line);
  throw Error(ErrorKind::denied,
              fmt::format("{} port {}: unknown host key {} {}{}; if {} prints the same, accept it; type: {}", host,
                          port, type, fingerprint_of(shown), not_enough, compare, accept));
}

}  // namespace ssh
