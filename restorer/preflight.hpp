// Whether a node may be given a snapshot, before anything on it is touched: a pure function of what both say.
// Between look and claim (node.hpp). An error refuses and says the cure; a warning is to be known.
// What it does not do: look at anything, or check the snapshot itself (verifier does).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/finding.hpp"
#include "restorer/node.hpp"

namespace restorer {

/// What the snapshot needs of a node.
struct Requirements {
  std::string k3s_version;  // that it was taken of; empty: not known
  std::uint64_t size_bytes = 0;
  std::string token_sha256;            // of its token's password
  std::vector<std::string> ca_hashes;  // of its cluster's CA: of the file, and as its token names it
  bool secrets_encryption = false;
  std::string config_sha256;               // of the config.yaml taken with it; empty: none
  std::string kube_system_uid;             // of its cluster; empty: not known
  std::optional<std::string> may_replace;  // name_of() the cluster that may go; "": whichever there is
};

/// Whether what the node shows is not known to be the snapshot's cluster, so that its database should be looked into.
bool may_be_another(const NodeState& node, const Requirements& required);

/// Whether it is not, as far as is known once that was done.
bool is_another(const NodeState& node, const Requirements& required);

/// What --replace-cluster calls the cluster that the node has: the UID of its namespace kube-system; where that is not
/// known "ca-" and the first twelve digits of its CA's hash; or else "unknown".
std::string name_of_cluster(const NodeState& node);

/// How much must be free below the data directory: what is sent, and twice as much for kine's VACUUM at its start.
std::uint64_t space_needed(std::uint64_t size_bytes);

std::vector<core::Finding> preflight(const NodeState& node, const Requirements& required, const Settings& settings);

}  // namespace restorer
