#include "cli/restore_node.hpp"

#include <fmt/format.h>

#include "cli/address.hpp"
#include "core/edit_distance.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"

namespace cli {
namespace {

RestoreNode node_of(const ClusterConfig& cluster) {
  RestoreNode node{cluster.target, cluster.restore};
  node.settings.target = cluster.target;
  return node;
}

}  // namespace

RestoreNode find_node(const Config& config, const std::string& node, const std::string& cluster) {
  if (const auto named = config.clusters.find(node); named != config.clusters.end()) return node_of(named->second);
  const std::optional<Address> parsed = parse_address(node);
  if (!parsed)
    throw core::Error(core::ErrorKind::usage,
                      fmt::format("--to '{}' is neither a configured cluster nor user@host:port", node));
  if (const std::string meant = core::nearest(node, config.cluster_names); !meant.empty())
    core::log_warning(
        fmt::format("no cluster '{}' is configured, so it is taken for a host; did you mean {}?", node, meant));
  const Address& address = *parsed;
  RestoreNode found;
  puller::Target& target = found.target;
  if (const auto own = config.clusters.find(cluster); own != config.clusters.end()) {
    found.settings = own->second.restore;
    target.data_dir = own->second.target.data_dir;
    target.config_file = own->second.target.config_file;
  }
  for (const std::string& name : config.cluster_names) {
    const ClusterConfig& known = config.clusters.at(name);
    const bool same_port = !address.port || known.target.port.value_or(22) == *address.port;
    if (known.target.host == address.host && same_port) {
      found = node_of(known);
      break;
    }
  }
  target.cluster = cluster;
  target.host = address.host;
  if (address.user) target.user = address.user;
  if (address.port) target.port = address.port;
  found.settings.target = target;
  return found;
}

}  // namespace cli
