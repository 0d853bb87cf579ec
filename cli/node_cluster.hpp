// Which cluster a node has, when its files do not show the snapshot's: looks into the node's own database.
// What it does not do: decide whether that cluster may be replaced (restorer/preflight.hpp).
#pragma once

#include <cstdint>

#include "puller/target.hpp"
#include "restorer/node.hpp"

namespace cli {

/// Pulls the node's database, of that size, into a scratch directory, whether k3s runs there or not, and says what is
/// in it. Why that could not be done is in the result; one that is too large for a new cluster is left there. Throws:
/// cancelled.
restorer::OtherCluster look_into_cluster(puller::Target target, std::uint64_t size_bytes);

}  // namespace cli
