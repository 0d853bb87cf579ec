// Reads what lies in one cluster's directory: manifests, proof, and what has been found damaged. Decides which
// snapshots are lost: those whose files, or whose bases' files, are missing, have another size or were found damaged;
// and which are of another cluster than the series.
// Behind Store and Incoming. What it does not do: read a database's bytes (store/image.hpp).
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "store/store.hpp"

namespace store {

/// All snapshots below `cluster_directory`, oldest first; none when it is not there. A directory without a manifest is
/// no snapshot. Throws: storage, denied.
std::vector<Snapshot> load_snapshots(const std::filesystem::path& cluster_directory);

/// The names of directories that are named like a snapshot and have no manifest.
std::vector<std::string> incomplete_directories(const std::filesystem::path& cluster_directory);

/// The record of the series there; empty when there is none, or, with a warning, none that can be read.
std::optional<SeriesRecord> read_record(const std::filesystem::path& cluster_directory);

/// Which cluster the series is of: as recorded, else as the oldest of `snapshots` tells that tells it.
std::optional<core::ClusterIdentity> series_of(const std::filesystem::path& cluster_directory,
                                               const std::vector<Snapshot>& snapshots);

/// Writes down that the database file of the snapshot in `directory` does not give what its manifest promises; from
/// then on it is lost, with all that need it. What keeps us from that is a warning.
void note_damage(const std::filesystem::path& directory, std::string_view message);

/// Takes that back, after its image was read and found whole.
void clear_damage(const std::filesystem::path& directory);

}  // namespace store
