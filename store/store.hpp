// The store: one directory per snapshot under <root>/<cluster>/, made whole by Incoming::commit() and read-only after.
// Names, manifests, locks, evidence and retention are decided here and nowhere else.
// What it does not do: open a state.db (the verifier works on a copy), or talk to a node.
// Format: docs/store-format.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/fd.hpp"

namespace store {

inline constexpr std::string_view kDatabaseFile = "state.db";
inline constexpr std::string_view kTokenFile = "token";
inline constexpr std::string_view kConfigFile = "config.yaml";

struct BundleFile {
  std::string path;  // relative to the snapshot's directory
  std::uint64_t size_bytes = 0;
  std::string sha256;
};

/// What is written down about a snapshot when it is taken.
struct Manifest {
  std::string cluster;
  std::string name;  // "20261123T231700Z"
  core::UtcTime taken_at;
  std::string method;  // "sqlite3"
  std::string k3s_version;
  std::string arch;
  std::string sqlite_version;
  std::vector<BundleFile> bundle;

  /// The entry for `path`, or nullptr.
  const BundleFile* find(std::string_view path) const;
};

/// Proof kept beside a snapshot: the JSON of the newest `drill verify` or `drill run` that came to a verdict on it.
enum class Evidence { verify, run };

struct Proof {
  std::string verdict;  // as in the contract
  core::UtcTime at;
};

struct Snapshot {
  std::filesystem::path directory;
  Manifest manifest;                  // cluster and name only when damaged
  std::optional<std::string> damage;  // why the manifest cannot be read
  std::optional<Proof> verified;
  std::optional<Proof> drilled;

  std::string full_name() const { return manifest.cluster + "/" + manifest.name; }
  std::filesystem::path file(std::string_view path) const { return directory / path; }
};

/// Held while one cluster is being changed. Throws on construction: storage ("another pull of edge is running"). A lock
/// dies with its process.
class ClusterLock {
 public:
  explicit ClusterLock(const std::filesystem::path& cluster_directory);

 private:
  core::Fd fd_;
};

/// A snapshot on its way in: files are added, commit() gives it its name. Removed on destruction without commit.
class Incoming {
 public:
  Incoming(std::filesystem::path cluster_directory, std::string cluster, core::UtcTime taken_at);
  Incoming(Incoming&&) = delete;
  ~Incoming();

  const std::string& name() const { return name_; }

  /// Adds one file from a producer that calls its argument with block after block. Returns what was written.
  /// Throws: storage, and what `produce` throws.
  BundleFile add(std::string_view path,
                 const std::function<void(const std::function<void(std::string_view)>&)>& produce);
  BundleFile add(std::string_view path, std::string_view content);

  /// Flushes, reads every file back and compares it with what was written, adds manifest.json last, renames into place.
  /// Throws: storage. Leaves: no snapshot on failure.
  Snapshot commit(Manifest manifest);

 private:
  std::filesystem::path cluster_directory_;
  std::string name_;
  std::filesystem::path directory_;
  std::vector<BundleFile> files_;
  bool committed_ = false;
};

class Store {
 public:
  /// `root` is made (0700) when it is not there. Throws: storage, denied.
  explicit Store(std::filesystem::path root);

  std::vector<std::string> clusters() const;

  /// All snapshots of `cluster`, oldest first; empty when there are none. A directory without a manifest is none; one
  /// whose manifest cannot be read is listed with its damage. Throws: usage, storage, denied.
  std::vector<Snapshot> list(std::string_view cluster) const;

  /// CLUSTER/NAME, CLUSTER/latest, CLUSTER/proven (newest with a passed drill); CLUSTER/ may be left out when there
  /// is one cluster. Throws: not_found (saying what there is), usage, damaged (its manifest cannot be read).
  Snapshot find(std::string_view specification) const;

  /// Throws: storage when another process holds it.
  ClusterLock lock(std::string_view cluster);

  /// Starts a snapshot taken now, and removes what earlier crashes left. The caller holds the lock.
  Incoming receive(std::string_view cluster, core::UtcTime taken_at);

  /// Keeps `json` (with "verdict" and "started_at") as the newest evidence of its kind, for the store's owner to read.
  /// What was inconclusive says nothing about the snapshot and never replaces a pass or a fail. Throws: storage.
  void keep_evidence(const Snapshot& snapshot, Evidence kind, std::string_view json);

  /// Removes the oldest beyond `keep_last`; never the newest, never the newest whose drill passed, never the newest
  /// whose verification passed. Returns the names removed. The caller holds the lock.
  std::vector<std::string> apply_retention(std::string_view cluster, std::size_t keep_last);

 private:
  std::filesystem::path cluster_directory(std::string_view cluster) const;
  std::filesystem::path root_;
};

/// Whether `name` can name a cluster: letters, digits, '-', '_', '.', not starting with '.'.
bool valid_cluster_name(std::string_view name);

}  // namespace store
