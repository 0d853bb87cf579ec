#include "cli/restore_node.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "core/edit_distance.hpp"
#include "core/error.hpp"
#include "core/log.hpp"

namespace cli {
namespace {

struct Address {
  std::optional<std::string> user;
  std::string host;
  std::optional<int> port;
};

// user@host:port, host, user@[::1]:22
Address parse_address(const std::string& node) {
  const auto refuse = [&] {
    throw core::Error(core::ErrorKind::usage,
                      fmt::format("--to '{}' is neither a configured cluster nor user@host:port", node));
  };
  Address address;
  std::string rest = node;
  if (const std::size_t at = rest.rfind('@'); at != std::string::npos) {
    address.user = rest.substr(0, at);
    rest.erase(0, at + 1);
    if (address.user->empty()) refuse();
  }
  std::string port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string::npos) refuse();
    port = rest.substr(end + 1);
    rest = rest.substr(1, end - 1);
    if (!port.empty() && port[0] != ':') refuse();
    port.erase(0, 1);
  } else if (const std::size_t colon = rest.find(':'); colon != std::string::npos && rest.rfind(':') == colon) {
    port = rest.substr(colon + 1);
    rest.resize(colon);
    if (port.empty()) refuse();
  }
  if (rest.empty() || rest[0] == '-' || rest.find_first_of(" \t/") != std::string::npos) refuse();
  address.host = rest;
  if (!port.empty()) {
    int number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535) refuse();
    address.port = number;
  }
  return address;
}

restorer::Settings settings_of(const ClusterConfig& cluster) {
  restorer::Settings settings = cluster.restore;
  settings.target = cluster.target;
  return settings;
}

}  // namespace

restorer::Settings find_node(const Config& config, const std::string& node, const std::string& cluster) {
  if (const auto named = config.clusters.find(node); named != config.clusters.end()) return settings_of(named->second);
  const Address address = parse_address(node);
  if (const std::string meant = core::nearest(node, config.cluster_names); !meant.empty())
    core::log_warning(
        fmt::format("no cluster '{}' is configured, so it is taken for a host; did you mean {}?", node, meant));
  restorer::Settings settings;
  if (const auto own = config.clusters.find(cluster); own != config.clusters.end()) {
    settings = own->second.restore;
    settings.target.data_dir = own->second.target.data_dir;
    settings.target.config_file = own->second.target.config_file;
  }
  for (const std::string& name : config.cluster_names) {
    const ClusterConfig& known = config.clusters.at(name);
    const bool same_port = !address.port || known.target.port.value_or(22) == *address.port;
    if (known.target.host == address.host && same_port) {
      settings = settings_of(known);
      break;
    }
  }
  settings.target.cluster = cluster;
  settings.target.host = address.host;
  if (address.user) settings.target.user = address.user;
  if (address.port) settings.target.port = address.port;
  return settings;
}

}  // namespace cli
