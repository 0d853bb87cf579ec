// Whether a cluster is new: whether its database holds anything that somebody made, and k3s did not make by itself.
// For a restore onto a node whose installer has already begun a cluster of its own. What is not known to be k3s's own
// counts as somebody's, so that no cluster with work in it is ever taken for new.
// What it does not do: check anything (verify.hpp).
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"

namespace verifier {

struct ClusterContent {
  std::string kube_system_uid;           // empty: there is no such namespace
  std::optional<core::UtcTime> made_at;  // when its namespace kube-system was made
  std::size_t objects = 0;               // live ones
  std::vector<std::string> of_somebody;  // "configmaps/default/mine"; namespaces first
};

/// Throws: damaged (no database of kine's, unreadable pages), storage, cancelled.
ClusterContent read_cluster_content(const std::filesystem::path& database);

}  // namespace verifier
