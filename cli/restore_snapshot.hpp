// The snapshot that `drill restore` puts onto a node: found, verified and unpacked; what it asks of the node, and what
// it leaves to a person. First of all that a restore makes; its copy lies in a scratch directory as long as it lives.
// What it does not do: know of a node's state (restorer/judge.hpp), or connect.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/stored_copy.hpp"
#include "reports/restore.hpp"
#include "restorer/judge.hpp"
#include "verifier/restore_needs.hpp"

namespace cli {

/// Whether a snapshot may be restored that fails a check, or could not be verified as a whole.
enum class Faults { refused, accepted };

/// Whether the node had been a server of the snapshot's cluster before.
enum class Newcomer { no, yes };

class RestoreSnapshot {
 public:
  /// Throws: usage, not_found.
  RestoreSnapshot(const std::filesystem::path& store, const std::string& name);

  const std::string& name() const { return name_; }  // "edge/20261123T231700Z"
  const std::string& cluster() const { return snapshot_.manifest.cluster; }

  /// Verifies and unpacks it; what is against it goes into `step`, and what else there is and how to go on when that is
  /// refused. Throws: damaged, not_found, storage, cancelled.
  void verify(reports::RestoreStep& step, Faults faults, const std::string& node);

  // All that follows only after a verify() that refused nothing.

  /// The checks that it fails, or that could not look at all of it: accepted ones. Empty: it is whole.
  const std::vector<std::string>& faults() const { return faults_; }

  /// Moves the revision of the copy beyond what any client can have seen, and returns it. Of a copy on which that
  /// cannot be done, and nobody minds, it says so and returns nothing. Throws: damaged, storage, cancelled.
  std::optional<core::Revision> bump_revision(reports::RestoreStep& step);

  const verifier::Verification& verification() const { return verification_; }
  std::filesystem::path database() const { return copy_->database(); }
  std::filesystem::path token() const { return copy_->scratch.path() / store::kTokenFile; }
  restorer::Wanted wanted() const;

  /// What no restore does, for a node that calls itself `node`; with the revision not bumped, watchers too.
  std::vector<std::string> left_to_a_person(const std::string& node, Newcomer newcomer, bool bumped) const;

 private:
  void refuse(reports::RestoreStep& step, const std::vector<store::Snapshot>& snapshots, const std::string& node) const;
  void read_needs(reports::RestoreStep& step);

  store::Store store_;
  store::Snapshot snapshot_;
  std::string name_;
  verifier::Verification verification_;
  verifier::RestoreNeeds needs_;
  std::vector<std::string> faults_;
  std::optional<StoredCopy> copy_;
};

}  // namespace cli
