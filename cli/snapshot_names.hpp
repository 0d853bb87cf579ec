// What the words CLUSTER and SNAPSHOT mean on a command line, the same for all commands: a cluster that is configured
// or has snapshots in the store; CLUSTER/TIMESTAMP, CLUSTER/latest or CLUSTER/proven; a cluster alone where a snapshot
// is requested is its latest. Of a word that means nothing it is said what may have been meant. What it does not do:
// look into a snapshot.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/config.hpp"
#include "core/error.hpp"
#include "store/store.hpp"

namespace cli {

/// A cluster, or one snapshot of it.
struct Named {
  std::string cluster;
  std::string snapshot = {};  // "20261123T231700Z", "latest", "proven"; empty: all of the cluster

  std::string full() const { return cluster + "/" + (snapshot.empty() ? "latest" : snapshot); }
};

class Names {
 public:
  /// Both must outlive it.
  Names(const Config& config, const store::Store& store) : config_(config), store_(store) {}

  /// Throws: usage for a cluster that is neither configured nor stored, or where none is named and several could be
  /// meant; not_found when the store has none.
  Named either(const std::string& word) const;

  /// The snapshot. Throws: as either; not_found, damaged.
  store::Snapshot snapshot(const std::string& word) const;

  /// Its name, "edge/20261123T231700Z", "edge/latest". Throws: as either; not_found for a time that no snapshot has.
  std::string snapshot_name(const std::string& word) const;

  /// The cluster. Throws: as either; usage for a snapshot, with `command` as it is typed with its cluster
  /// ("drill series {}").
  std::string cluster(const std::string& word, std::string_view command) const;

  /// Each once, in this order; all of the store for no words. Throws: as cluster; not_found for one without a snapshot.
  std::vector<std::string> stored_clusters(const std::vector<std::string>& words, std::string_view command) const;

  /// Each once, in this order; all that are configured for no words. Throws: as cluster; usage for one that is not
  /// configured.
  std::vector<std::string> configured_clusters(const std::vector<std::string>& words, std::string_view command) const;

  /// That the store is, or this cluster in it, still empty.
  core::Error no_snapshot() const;
  core::Error no_snapshot(const std::string& cluster) const;

 private:
  std::vector<std::string> stored_with_snapshots() const;
  std::vector<std::string> clusters() const;
  bool is_cluster(const std::string& word) const;
  std::string only_cluster(const std::string& word) const;
  [[noreturn]] void unknown(const std::string& word, std::string_view name, std::string_view rest) const;

  const Config& config_;
  const store::Store& store_;
};

}  // namespace cli
