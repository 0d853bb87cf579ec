// Which machine `drill restore --to NODE` means, and how to get in: NODE is a configured cluster, or user@host:port.
// What it does not do: connect.
#pragma once

#include <string>

#include "cli/config.hpp"
#include "restorer/node_script.hpp"

namespace cli {

struct RestoreNode {
  puller::Target target;  // for a look into the database that is there
  restorer::Settings settings;
};

/// The settings of the configured cluster `node`; else those of the configured cluster that has this host; else a plain
/// target, everything from ~/.ssh/config. Where k3s has its files and how it is started is then as in `cluster`, the
/// snapshot's, when that is configured. Throws: usage for a NODE that is neither.
RestoreNode find_node(const Config& config, const std::string& node, const std::string& cluster);

}  // namespace cli
