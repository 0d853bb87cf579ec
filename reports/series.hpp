// Which clusters the snapshots of a series are of: drill series, for a person and as k3s-drill/series/1.
#pragma once

#include <string>
#include <vector>

#include "core/cluster_identity.hpp"

namespace reports {

/// One of the clusters that have snapshots in a series.
struct SeriesMember {
  core::ClusterIdentity identity;
  bool counts = false;        // the series is of this one
  std::size_t snapshots = 0;  // how many
  std::string oldest;         // their names
  std::string newest;
};

std::string series_json(const std::string& cluster, const std::vector<SeriesMember>& members);
std::string series_text(const std::string& cluster, const std::vector<SeriesMember>& members);

}  // namespace reports
