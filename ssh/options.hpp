// How ssh would reach a node: what the ssh configuration says of a target, the target's own fields before it.
// Asked of the ssh client, which knows its files best; where there is none libssh reads them, which knows less of them.
// First step of a session. What it does not do: connect, or look into keys.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ssh/target.hpp"

namespace ssh {

enum class OtherKeys { offered, not_offered };  // those of an ssh-agent that no IdentityFile names

struct Options {
  std::string host;  // HostName
  unsigned port = 22;
  std::string user;
  std::string proxy_command;                       // with its tokens replaced; that of ProxyJump, too; empty: none
  std::string host_key_alias;                      // empty: none
  std::vector<std::filesystem::path> known_hosts;  // the first takes what is accepted
  std::vector<std::filesystem::path> identities;   // that may not be there
  std::vector<std::filesystem::path> certificates;
  OtherKeys other_keys = OtherKeys::offered;
  std::string agent;                              // its socket; empty: none
  std::map<std::string, std::string> algorithms;  // by ssh's keyword in lower case; those not in it are libssh's own
  bool compression = false;
  std::vector<std::string> warnings;  // of settings that are not read as ssh reads them: what, where, what to do
};

/// Throws: usage (a configuration that cannot be read; no key at the target's `identity`), not_found (no such
/// configuration), timeout, cancelled.
Options read_options(const Target& target);

/// The same by libssh alone. In login.cpp, as libssh has one door.
Options read_options_by_libssh(const Target& target);

/// The configuration files that count for a target; they may not be there.
std::vector<std::filesystem::path> config_files(const Target& target);

/// $HOME, which cron and tests mean; ssh and libssh take the one of the password database.
std::filesystem::path home_directory();

}  // namespace ssh
