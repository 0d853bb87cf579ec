// Pulls one consistent snapshot of a node's kine database, with what its restore needs, over ssh into the store.
// First room of the flow: node -> puller -> store. It changes one incoming directory of the store and, on the node,
// one private directory that is gone again when it returns.
// What it does not do: check the content (verifier), decide retention (cli asks the store for it), or retry.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/secret.hpp"
#include "puller/target.hpp"
#include "store/store.hpp"

namespace puller {

/// What is known about a node before anything is copied.
struct NodeFacts {
  std::string k3s_version;                // "v1.36.2+k3s1"; empty when no k3s is in PATH
  std::string arch;                       // uname -m
  std::string user;                       // that ssh logs in as
  std::string sqlite_version;             // that reads the database: "3.40.1"
  std::string helper_version;             // of drill-node; empty where sqlite3 does its work
  std::string fallback;                   // why sqlite3 has to do it although drill-node was asked for; else empty
  std::uint64_t database_size_bytes = 0;  // state.db without its WAL
  std::uint64_t wal_size_bytes = 0;
  std::uint64_t free_bytes = 0;              // where the copy is made
  std::chrono::nanoseconds clock_offset{0};  // node's clock minus ours
  std::vector<std::string> warnings;         // of what k3s is told there, that keeps nothing from being pulled
};

/// What the pull moved and what it cost the node (contract: drill pull --json).
struct PullReport {
  store::Snapshot snapshot;
  NodeFacts node;
  std::uint64_t pages_total = 0;
  std::uint64_t pages_changed = 0;   // that came over the wire
  std::uint64_t bytes_received = 0;  // ssh payload
  std::uint64_t bytes_sent = 0;
  std::chrono::nanoseconds read_transaction{0};
  std::int64_t wal_growth_bytes = 0;
  std::optional<std::uint64_t> node_peak_memory_bytes;  // not known of sqlite3
  std::chrono::nanoseconds duration{0};
};

/// Connects and looks, copies nothing: for `drill doctor`. Sends drill-node there as a pull would.
/// Throws: unreachable, denied (host key, login, sudo), not_found (no sqlite3, no state.db, another kind of
/// datastore, a database that k3s does not use, each with the cure), timeout, cancelled.
NodeFacts inspect(const Target& target);

/// The warning for a node with NodeFacts::fallback.
std::string fallback_warning(const std::string& fallback);

/// "ubuntu ALL=(root) NOPASSWD: /var/lib/k3s-drill/drill-node pull ...": for sudoers on the node, all that `user` has
/// to be allowed once drill-node is there.
std::string sudoers_line(const Target& target, const std::string& user);

/// Which cluster `database` is of, as far as it and `token`, the content of server/token, tell. A pull brings that as
/// it is, and leaves it to this to understand it. What it throws ends the pull.
using ReadIdentity = std::function<core::ClusterIdentity(const std::filesystem::path& database, core::Secret token)>;

/// Pulls one snapshot into `store`, published under the time its read transaction began: our clock when the node
/// says that it is about to begin. Throws: as inspect, and storage (a full disk here or there). Leaves: nothing in the
/// store and nothing on the node on failure. The caller holds the cluster's lock.
PullReport pull(const Target& target, store::Store& store, const ReadIdentity& read_identity = {});

}  // namespace puller
