#include "ssh/options.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/process.hpp"
#include "core/shell_quote.hpp"
#include "ssh/root_shell.hpp"

namespace ssh {
namespace {

using core::Error;
using core::ErrorKind;

struct Setting {
  const char* name;
  const char* unset;  // what ssh prints for it then, if anything
  const char* instead;
};

// What ssh does and we do not.
constexpr std::array<Setting, 8> kNotUsed{{
    {"AddressFamily", "any", "write an address of that family as HostName"},
    {"BindAddress", "none", "let a ProxyCommand bind it: nc -s ADDRESS %h %p"},
    {"BindInterface", "none", "let a route lead to the node by that interface"},
    {"KnownHostsCommand", "none", "put the node's key into a file of UserKnownHostsFile"},
    {"PKCS11Provider", "none", "give its keys to ssh-agent: ssh-add -s PROVIDER"},
    {"ProxyUseFdpass", "no", "use a ProxyCommand that carries the bytes itself"},
    {"RevokedHostKeys", "none", "write the revoked keys into known_hosts, behind @revoked"},
    {"VerifyHostKeyDNS", "false", "put the node's key into a file of UserKnownHostsFile"},
}};

// What libssh leaves out, or reads in another way than ssh.
constexpr std::array<const char*, 8> kReadBySshAlone{"CanonicalizeHostname", "CertificateFile",   "HostKeyAlias",
                                                     "IdentitiesOnly",       "IdentityAgent",     "Match",
                                                     "PKCS11Provider",       "UserKnownHostsFile"};

constexpr std::array<const char*, 5> kAlgorithms{"ciphers", "hostkeyalgorithms", "kexalgorithms", "macs",
                                                 "pubkeyacceptedalgorithms"};

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// Of whom we are, in the password database; empty where it does not say. Pulls run side by side.
struct Account {
  std::string name;
  std::filesystem::path home;
};

Account own_account() {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
  return {found->pw_name, found->pw_dir};
}

// A configuration that leads to all that count, as a file without a place on the disk.
class LeadingConfig {
 public:
  explicit LeadingConfig(const std::vector<std::filesystem::path>& files)
      : fd_(::memfd_create("ssh_config", MFD_CLOEXEC)) {
    if (!fd_) throw core::system_error(errno, "a file in memory");
    std::string text;
    for (const std::filesystem::path& file : files) text += fmt::format("Include \"{}\"\n", file.string());
    core::write_all(fd_.get(), text, "ssh_config");
  }
  std::string path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get()); }

 private:
  core::Fd fd_;
};

// "FILE line N" of the first line that sets `keyword`; "the ssh configuration" when it is in none of `files`.
std::string place_of(std::string_view keyword, const std::vector<std::filesystem::path>& files) {
  for (const std::filesystem::path& path : files) {
    std::ifstream file(path);
    std::size_t number = 1;
    for (std::string line; std::getline(file, line); ++number) {
      const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
      const std::size_t end = std::min(line.find_first_of(" \t=", begin), line.size());
      if (lower_case(line.substr(begin, end - begin)) == lower_case(std::string(keyword)))
        return fmt::format("{} line {}", path.string(), number);
    }
  }
  return "the ssh configuration";
}

using Dump = std::multimap<std::string, std::string>;  // what ssh -G prints, keywords in lower case

Dump parse_dump(const std::string& text) {
  Dump dump;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = std::min(line.find(' '), line.size());
    dump.emplace(lower_case(line.substr(0, space)), line.substr(std::min(space + 1, line.size())));
  }
  return dump;
}

std::string value(const Dump& dump, const std::string& keyword) {
  const auto found = dump.find(keyword);
  return found == dump.end() || found->second == "none" ? std::string() : found->second;
}

std::vector<std::string> values(const Dump& dump, const std::string& keyword) {
  std::vector<std::string> found;
  for (auto [at, end] = dump.equal_range(keyword); at != end; ++at)
    if (at->second != "none") found.push_back(at->second);
  return found;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

// ssh's tokens, and in a path ~ and ${NAME}.
class Expander {
 public:
  Expander(const Options& settings, const Target& target) : settings_(settings), target_(target) {}

  std::string tokens(const std::string& text) const {
    std::string result;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != '%' || at + 1 == text.size())
        result += text[at];
      else
        result += token(text[++at]);
    }
    return result;
  }

  std::filesystem::path path(std::string text) const {
    if (text.starts_with("~/")) text = home_directory() / text.substr(2);
    // ssh has put the home of the password database there.
    const std::string other_home = (own_account().home / ".ssh/").string();
    if (text.starts_with(other_home)) text = home_directory() / ".ssh" / text.substr(other_home.size());
    for (std::size_t begin = text.find("${"); begin != std::string::npos; begin = text.find("${", begin)) {
      const std::size_t end = std::min(text.find('}', begin), text.size());
      const char* variable = std::getenv(text.substr(begin + 2, end - begin - 2).c_str());
      text.replace(begin, end + 1 - begin, variable == nullptr ? "" : variable);
    }
    return tokens(text);
  }

 private:
  std::string token(char name) const {
    switch (name) {
      case '%':
        return "%";
      case 'd':
        return home_directory();
      case 'h':
        return settings_.host;
      case 'i':
        return std::to_string(::getuid());
      case 'k':
        return settings_.host_key_alias.empty() ? target_.host : settings_.host_key_alias;
      case 'n':
        return target_.host;
      case 'p':
        return std::to_string(settings_.port);
      case 'r':
        return settings_.user;
      case 'u':
        return own_account().name;
      default:
        return std::string("%") + name;
    }
  }

  const Options& settings_;
  const Target& target_;
};

// What ssh itself makes of ProxyJump: the last host carries us, the others lead to it.
std::string jump_command(const std::string& jumps, const Target& target) {
  const std::size_t comma = jumps.rfind(',');
  std::string last = jumps.substr(comma == std::string::npos ? 0 : comma + 1);
  if (!last.starts_with("ssh://")) last.insert(0, "ssh://");
  std::string command = "ssh";
  if (target.ssh_config) command += " -F " + core::shell_word(target.ssh_config->string());
  if (comma != std::string::npos) command += " -J " + core::shell_word(jumps.substr(0, comma));
  return command + " -W '[%h]:%p' " + core::shell_word(last);
}

std::string agent_socket(const Dump& dump, const Expander& expander) {
  const auto found = dump.find("identityagent");
  const char* environment = std::getenv("SSH_AUTH_SOCK");
  const std::string given = environment == nullptr ? "" : environment;
  if (found == dump.end() || found->second == "SSH_AUTH_SOCK") return given;
  if (found->second == "none") return {};
  if (!found->second.starts_with("$") || found->second.starts_with("${")) return expander.path(found->second);
  const char* named = std::getenv(found->second.c_str() + 1);
  return named == nullptr ? "" : named;
}

std::vector<std::string> warnings_of(const Dump& dump, const Target& target) {
  std::vector<std::string> warnings;
  for (const Setting& setting : kNotUsed) {
    const auto found = dump.find(lower_case(setting.name));
    if (found == dump.end() || found->second.empty() || found->second == setting.unset) continue;
    warnings.push_back(fmt::format("{}: {} does not count for drill, which connects to {} without it; {}",
                                   place_of(setting.name, config_files(target)), setting.name, target.host,
                                   setting.instead));
  }
  return warnings;
}

// Those of the files that count, where libssh has to read them.
std::vector<std::string> warnings_without_ssh(const Target& target) {
  std::vector<std::string> warnings;
  const std::vector<std::filesystem::path> files = config_files(target);
  for (const char* keyword : kReadBySshAlone) {
    const std::string place = place_of(keyword, files);
    if (place.starts_with("the ")) continue;
    warnings.push_back(
        fmt::format("{}: {} is read by the ssh client, and none is installed here; install it "
                    "(openssh-client), or set user, port, identity and known_hosts of the cluster",
                    place, keyword));
  }
  return warnings;
}

// Nothing when no ssh client is installed.
std::optional<Dump> ask_ssh(const Target& target) {
  std::optional<LeadingConfig> leading;
  if (!target.ssh_config) leading.emplace(config_files(target));
  std::vector<std::string> argv{"ssh", "-G", "-F", leading ? leading->path() : target.ssh_config->string()};
  if (target.user) argv.insert(argv.end(), {"-l", *target.user});
  if (target.port) argv.insert(argv.end(), {"-p", std::to_string(*target.port)});
  if (target.identity) argv.insert(argv.end(), {"-i", target.identity->string(), "-o", "IdentitiesOnly=yes"});
  argv.insert(argv.end(), {"--", target.host});
  if (core::find_program("ssh").empty()) return std::nullopt;
  const core::CommandResult answer = core::run_command({argv, target.connect_timeout});
  if (answer.exit_code == 0) return parse_dump(answer.out);
  throw Error(
      ErrorKind::usage,
      fmt::format("{}: ssh cannot read its configuration ({}); fix it there, or name another file as ssh_config",
                  target.host, last_line(answer.err.substr(0, answer.err.find('\n')))));
}

void require_identity(const Target& target) {
  if (!target.identity || ::access(target.identity->c_str(), R_OK) == 0) return;
  throw Error(ErrorKind::usage,
              fmt::format("identity of cluster {}: {}: {}; set it to the private key that the node knows",
                          target.cluster, target.identity->string(), std::strerror(errno)));
}

}  // namespace

std::filesystem::path home_directory() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : home;
}

std::vector<std::filesystem::path> config_files(const Target& target) {
  if (target.ssh_config) return {*target.ssh_config};
  return {home_directory() / ".ssh/config", "/etc/ssh/ssh_config"};
}

Options read_options(const Target& target) {
  require_identity(target);
  if (target.ssh_config && !std::filesystem::exists(*target.ssh_config))
    throw Error(ErrorKind::not_found,
                fmt::format("ssh_config of cluster {}: no {} here; set it to the file that is meant", target.cluster,
                            target.ssh_config->string()));
  const std::optional<Dump> dump = ask_ssh(target);
  if (!dump) {
    Options settings = read_options_by_libssh(target);
    settings.warnings = warnings_without_ssh(target);
    return settings;
  }
  Options settings;
  settings.host = value(*dump, "hostname");
  settings.port = static_cast<unsigned>(std::stoul(value(*dump, "port")));
  settings.user = value(*dump, "user");
  settings.host_key_alias = value(*dump, "hostkeyalias");
  const Expander expander(settings, target);
  settings.proxy_command = value(*dump, "proxycommand");
  if (settings.proxy_command.empty() && !value(*dump, "proxyjump").empty())
    settings.proxy_command = jump_command(value(*dump, "proxyjump"), target);
  settings.proxy_command = expander.tokens(settings.proxy_command);
  if (target.known_hosts) settings.known_hosts.push_back(*target.known_hosts);
  for (const std::string& file : words(target.known_hosts ? "" : value(*dump, "userknownhostsfile")))
    settings.known_hosts.push_back(expander.path(file));
  for (const std::string& file : words(value(*dump, "globalknownhostsfile")))
    settings.known_hosts.push_back(expander.path(file));
  for (const std::string& file : values(*dump, "identityfile")) settings.identities.push_back(expander.path(file));
  if (target.identity) settings.identities = {*target.identity};
  for (const std::string& file : values(*dump, "certificatefile")) settings.certificates.push_back(expander.path(file));
  if (value(*dump, "identitiesonly") == "yes") settings.other_keys = OtherKeys::not_offered;
  settings.agent = agent_socket(*dump, expander);
  for (const char* keyword : kAlgorithms)
    if (const std::string names = value(*dump, keyword); !names.empty()) settings.algorithms[keyword] = names;
  settings.compression = value(*dump, "compression") == "yes";
  settings.warnings = warnings_of(*dump, target);
  return settings;
}

}  // namespace ssh
