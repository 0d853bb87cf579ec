// The store: one directory per snapshot under <root>/<cluster>/, made whole by Incoming::commit() and read-only after.
// Names, manifests, locks, evidence and retention are decided here and nowhere else. A database lies packed: whole, or
// as a patch on an earlier one of its day; extract() gives it back as it was.
// What it does not do: look into a state.db (the verifier works on a copy), or talk to a node.
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
#include "core/cluster_identity.hpp"
#include "core/error.hpp"
#include "core/fd.hpp"
#include "core/file.hpp"

namespace store {

inline constexpr std::string_view kDatabaseFile = "state.db";
inline constexpr std::string_view kKeyframeFile = "state.db.zst";
inline constexpr std::string_view kPatchFile = "state.db.patch.zst";
inline constexpr std::string_view kTokenFile = "token";
inline constexpr std::string_view kConfigFile = "config.yaml";

/// What was taken from the node, as it was there.
struct BundleFile {
  std::string path;  // a plain name
  std::uint64_t size_bytes = 0;
  std::string sha256;
};

/// How the bundle's state.db lies in the snapshot's directory.
struct PackedDatabase {
  std::string file = std::string(kDatabaseFile);  // or kKeyframeFile, kPatchFile; plain ones are of older stores
  std::uint64_t size_bytes = 0;                   // of that file
  std::string sha256;
  std::string base;  // of a patch: name of the snapshot whose state.db it is a patch on
};

/// What is written down about a snapshot when it is taken.
struct Manifest {
  std::string cluster;
  std::string name;            // "20261123T231700Z"
  std::uint64_t sequence = 0;  // store/order.hpp; 0 in manifests of before there was one
  core::UtcTime taken_at;
  std::string method;  // "sqlite3", "import"
  std::string k3s_version;
  std::string arch;
  std::string sqlite_version;
  core::ClusterIdentity identity = {};  // of the cluster it was taken of, as far as the snapshot itself tells
  std::vector<BundleFile> bundle;
  PackedDatabase database;

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
  Manifest manifest;                        // cluster and name only when damaged
  std::optional<std::string> damage;        // why the manifest is none
  std::optional<std::string> lost;          // why it cannot be brought back as it was taken: damage, or a file of it
  std::optional<core::Error> unreadable;    // what keeps us from looking, with the cure; lost only as long as it does
  std::optional<std::string> unrestorable;  // why no restore can do with it: lost, and by its database or its token
  bool of_another_cluster = false;          // than the series: kept beside it, and never its latest or proven
  std::optional<Proof> verified;            // the newest; a drill verifies first, so one that passed counts
  std::optional<Proof> drilled;
  std::optional<core::Error> unread_proof = {};  // what keeps us from reading one of them

  bool verified_by_drill() const { return verified && drilled && verified->at == drilled->at; }
  std::string full_name() const { return manifest.cluster + "/" + manifest.name; }
  std::filesystem::path file(std::string_view path) const { return directory / path; }
};

/// Held while one cluster is being changed. Throws on construction: storage ("another pull of edge is running"). A lock
/// dies with its process. Where the file system has no locks, only the processes of this machine know of each other.
class ClusterLock {
 public:
  explicit ClusterLock(const std::filesystem::path& cluster_directory);

 private:
  core::Fd fd_;
  core::Fd name_;
};

/// Whether both are of the series, or both of the same other cluster: only such are packed against each other, compared
/// as earlier and later, and take each other's place in retention.
bool are_of_one_cluster(const Snapshot& one, const Snapshot& other);

/// Whose a series is. The snapshots of before they said it themselves are of `identity`s of `unmarked`, each up to and
/// with the snapshot named `until`, the oldest first; what is behind them is not known.
struct SeriesRecord {
  struct Unmarked {
    std::string until;
    core::ClusterIdentity identity;
  };
  core::ClusterIdentity identity;
  std::vector<Unmarked> unmarked = {};
};

class Incoming;         // store/incoming.hpp
struct RetentionRules;  // store/retention.hpp
struct RetentionDecision;

class Store {
 public:
  /// Looks at nothing; what is not there is made by lock() and receive() (0700). Root who works in a store of another's
  /// reads as root, and writes as that owner.
  explicit Store(std::filesystem::path root);

  /// None where there is no store yet. Throws: storage, denied.
  std::vector<std::string> clusters() const;

  /// Whether all that is in it can be read, and files can be made where they have to be. Throws: storage, denied,
  /// saying what to do; not_found where there is no store yet, and `root` could not be made.
  void check_access() const;

  /// All snapshots of `cluster`, oldest first, in the order they were taken whatever the clocks said; empty when there
  /// are none. A directory without a manifest is none (without_manifest()); one whose manifest cannot be read is listed
  /// with its damage, or as unreadable. Throws: usage, storage, denied.
  std::vector<Snapshot> list(std::string_view cluster) const;

  /// Which cluster the series is of: as recorded, else as the oldest snapshot tells that tells it. Empty when nothing
  /// does. Throws: usage, storage, denied.
  std::optional<core::ClusterIdentity> series(std::string_view cluster) const;

  /// Whether that is recorded. Throws: usage, storage, denied.
  bool has_series(std::string_view cluster) const;

  /// Records whose the series is, and whose the snapshots are that do not say it themselves. The caller holds the lock.
  /// Throws: usage, storage, denied.
  void begin_series(std::string_view cluster, const SeriesRecord& record);

  /// From here on the series is of that cluster, and every snapshot of a different one is of another. The caller holds
  /// the lock. Throws: usage, storage, denied.
  void record_series(std::string_view cluster, const core::ClusterIdentity& identity);

  /// CLUSTER/NAME, CLUSTER/latest (of the series, lost or not), CLUSTER/proven (newest of the series that passed a
  /// drill and is not lost); CLUSTER/ may be left out when there is one cluster. Throws: not_found (saying what there
  /// is), usage, damaged (its manifest is none), denied, storage (it is unreadable).
  Snapshot find(std::string_view specification) const;

  /// Throws: storage when another process holds it.
  ClusterLock lock(std::string_view cluster);

  /// Starts a snapshot, and removes what earlier crashes left. The caller holds the lock.
  Incoming receive(std::string_view cluster);

  /// Writes the plain state.db of `snapshot` to the new file `target` (0600, not flushed) and checks it and every image
  /// it is made from. What is found damaged, twice, is written down where that can be, so that all that need it are
  /// lost from then on; what is found whole again is taken back. Throws: damaged (naming the bad file), storage,
  /// cancelled. Leaves: no file on failure.
  core::CopiedFile extract(const Snapshot& snapshot, const std::filesystem::path& target);

  /// Keeps `json` (with "verdict" and "started_at") as the newest evidence of its kind. What was inconclusive says
  /// nothing about the snapshot and never replaces a pass or a fail: false then. Throws: storage, denied.
  bool keep_evidence(const Snapshot& snapshot, Evidence kind, std::string_view json);

  /// Appends one drill to the history of `cluster`, which outlives its snapshots: one line, without a line feed. Needs
  /// no lock. Throws: usage, storage, denied. Leaves: the history as it was.
  void note_drill(std::string_view cluster, std::string_view line);

  /// The lines of that history, oldest first; a torn or strange one is among them. Throws: usage, storage, denied.
  std::vector<std::string> drills(std::string_view cluster) const;

  /// What `rules` say about each snapshot of `cluster`, oldest first. Throws: usage, denied; storage also while a
  /// snapshot is unreadable, as it may need any of the others, or its proof, as it may be the newest proven.
  std::vector<RetentionDecision> plan_retention(std::string_view cluster, const RetentionRules& rules,
                                                core::UtcTime now = core::utc_now()) const;

  /// Removes what they do not keep, and returns the same. `captured` names the snapshot that this command has just
  /// made, if it has: that stays. `now`: by the clock that is to be believed. The caller holds the lock. Throws: as
  /// above; storage, denied where something stays that should go.
  std::vector<RetentionDecision> apply_retention(std::string_view cluster, const RetentionRules& rules,
                                                 std::string_view captured = {}, core::UtcTime now = core::utc_now());

  /// Directories of `cluster` that are named like a snapshot and have no manifest: nobody made them whole, or a file is
  /// gone. Throws: usage.
  std::vector<std::string> without_manifest(std::string_view cluster) const;

 private:
  std::filesystem::path cluster_directory(std::string_view cluster) const;
  void make_root() const;
  void make_directory(const std::filesystem::path& cluster) const;
  void write_evidence(const std::filesystem::path& target, std::string_view json);
  std::filesystem::path root_;
};

/// Whether `name` can name a cluster: letters, digits, '-', '_', '.', not starting with '.'.
bool valid_cluster_name(std::string_view name);

}  // namespace store
