// What a verification is given and what it gives: the values that the checks share.
// Between the checks, which fill it, and verifier/verify.hpp, which runs them. What it does not do: anything.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/finding.hpp"
#include "core/revision.hpp"
#include "verifier/keys/token.hpp"
#include "verifier/objects/objects.hpp"

namespace verifier {

/// An earlier snapshot to compare with.
struct Previous {
  std::string name;
  std::filesystem::path database;  // a scratch copy, too
  std::optional<Token> token;      // its own
};

struct Subject {
  /// Scratch copy of state.db; a -wal beside it is read as part of it. May be a path below /proc/self/fd/N.
  std::filesystem::path database;
  std::optional<Token> token;                  // in any of k3s's forms; without it `bootstrap` is skipped
  std::optional<std::string> captured_sha256;  // of state.db when it was captured; without it check `hash` is skipped
  std::optional<core::UtcTime> taken_at =
      std::nullopt;  // when it was captured; without it check `freshness` is skipped
  /// The snapshot of the same cluster before this one; without it `lineage` and `census` are skipped.
  std::optional<Previous> previous = std::nullopt;
  /// Why no copy could be made of what was stored: then check `file` fails with it, and the others have nothing to look
  /// at.
  std::optional<std::string> damage = std::nullopt;
  std::optional<core::UtcTime> now = std::nullopt;  // by the clock that dated it; without it, this machine's
};

struct Rows {
  std::uint64_t total = 0;       // all rows of table kine
  std::uint64_t live = 0;        // names whose newest row is not deleted, compact_rev_key and /bootstrap/ among them
  std::uint64_t tombstones = 0;  // rows with deleted = 1, gap rows among them
};

/// objects_total == sum(by_resource) == sum(by_namespace) + cluster_scoped.
struct Census {
  std::uint64_t objects_total = 0;
  std::uint64_t namespaces = 0;
  std::map<std::string, std::uint64_t> by_resource;
  std::map<std::string, std::uint64_t> by_namespace;
  std::uint64_t cluster_scoped = 0;
  std::uint64_t internal_keys = 0;  // live /registry/ keys that are no API object
  std::uint64_t sealed = 0;         // of objects_total: values behind k8s:enc:, known by key only
};

struct Verification {
  std::uint64_t size_bytes = 0;
  std::uint64_t page_count = 0;  // as SQLite counts, a WAL included; by the file's size when SQLite cannot say
  std::uint64_t page_size_bytes = 0;
  std::string sha256;  // of the database file as given
  core::Revision revision;
  core::Revision compact_revision;
  Rows rows;
  Census census;
  /// The contract's fourteen, in its order, always all of them. A check that could not run or was skipped has
  /// its reason as a warning, or as a note where there is just nothing to compare with; after twenty findings of one
  /// severity, one more counts the rest.
  std::vector<core::Check> checks;
  /// The snapshot before was not compared with, as it is damaged itself: `lineage` and `census` are skipped and say so,
  /// and an older one may take its place in verify_in_series.
  bool previous_is_damaged = false;
  /// Pages: all of them once integrity_check ran to its end. Rows: read one by one, against SQLite's own count.
  /// Objects: live /registry/ keys that are not internal; sealed ones count as decoded, by their key.
  core::Coverage coverage;
  ObjectList objects;  // ordered by key
  std::optional<core::UtcTime>
      newest_change;                // newest timestamp recorded inside: creation, managed fields, lease renewal
  std::string k3s_version;          // kubelet version of a control-plane node, else of any; empty when none
  bool secrets_encryption = false;  // the opened bootstrap row holds an encryption configuration
  // What tells this cluster from every other; the last two are empty when the bootstrap row was not opened.
  std::string kube_system_uid;
  std::string ca_sha256;                          // of the server CA's file
  std::vector<std::string> service_account_keys;  // sha256 of the public part of each that signs tokens
  std::chrono::nanoseconds duration{0};
};

}  // namespace verifier
