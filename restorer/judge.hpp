// Whether a node may be given a snapshot, before anything on it is touched: a pure function of what both say.
// Between look and claim (node.hpp). An error refuses and says the cure; a warning is to be known.
// What it does not do: look at anything, or judge the snapshot itself (verifier does).
#pragma once

#include <string>
#include <vector>

#include "core/finding.hpp"
#include "restorer/node.hpp"

namespace restorer {

/// What the snapshot needs of a node.
struct Wanted {
  std::string k3s_version;  // that it was taken of; empty: not known
  std::uint64_t size_bytes = 0;
  std::string token_sha256;            // of its token's password
  std::vector<std::string> ca_hashes;  // of its cluster's CA: of the file, and as its token names it
  bool secrets_encryption = false;
  std::string config_sha256;  // of the config.yaml taken with it; empty: none
};

/// How much must be free below the data directory: what is sent, and twice as much for kine's VACUUM at its start.
std::uint64_t space_needed(std::uint64_t size_bytes);

std::vector<core::Finding> judge(const NodeState& node, const Wanted& wanted, const Settings& settings);

}  // namespace restorer
