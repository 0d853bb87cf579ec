// A stored snapshot as the verifier takes it: its plain database and its token, in a scratch directory of their own.
// Nothing is read in place: SQLite may write beside a database, even when it only reads.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/scratch_dir.hpp"
#include "reports/json.hpp"
#include "store/store.hpp"
#include "verifier/keys/token.hpp"
#include "verifier/verify.hpp"

namespace cli {

struct StoredCopy {
  core::ScratchDir scratch;
  std::string name;                      // of the snapshot
  std::optional<verifier::Token> token;  // when it has one

  std::filesystem::path database() const { return scratch.path() / store::kDatabaseFile; }
};

/// Retention has taken a snapshot away since it was listed: nothing is wrong, and it is no part of the store any more.
struct SnapshotRemoved : core::Error {
  explicit SnapshotRemoved(const store::Snapshot& snapshot)
      : core::Error(core::ErrorKind::not_found, snapshot.full_name() + " has been removed meanwhile") {}
};

/// Runs `read`, which reads files of `snapshot`. Throws: SnapshotRemoved when they went meanwhile; what `read` throws.
void unless_removed(const store::Snapshot& snapshot, const std::function<void()>& read);

/// Throws: damaged (it cannot be brought back), SnapshotRemoved, not_found, storage, cancelled.
StoredCopy copy_stored(store::Store& store, const store::Snapshot& snapshot);

/// Copies the plain file `database`, and a -wal beside it, into `scratch`, and returns the path of the copy. Throws:
/// not_found, denied, storage, cancelled.
std::filesystem::path copy_plain(const std::filesystem::path& database, const core::ScratchDir& scratch);

/// Runs `keep`, which writes the evidence of `snapshot`. A store that takes none, as it is full or read-only, keeps
/// nobody from hearing what was found: that is a warning. Throws: cancelled.
void keep_or_warn(const std::string& snapshot, const std::function<void()>& keep);

/// Verifies snapshots of one cluster, each beside the one before it that is of the same, and keeps the evidence. The
/// copy of one stays for the next, so go through them from the oldest.
class StoredVerifier {
 public:
  /// `snapshots`: all of the cluster, oldest first; must outlive it, as the store.
  StoredVerifier(store::Store& store, const std::vector<store::Snapshot>& snapshots)
      : store_(store), snapshots_(snapshots) {}

  /// Snapshot number `index` of the list. What cannot be brought back is a failed verification. Throws:
  /// SnapshotRemoved, not_found, storage, denied, cancelled.
  reports::VerifyOutcome verify(std::size_t index, const verifier::Progress& progress = {});

 private:
  std::optional<verifier::Previous> previous_of(std::size_t index);

  store::Store& store_;
  const std::vector<store::Snapshot>& snapshots_;
  std::optional<StoredCopy> copy_;  // the last one made
  std::vector<std::string> bad_;    // names of those that nothing can be compared with
};

}  // namespace cli
