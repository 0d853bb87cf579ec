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

/// Whether a snapshot that could not be verified as a whole may be restored; one that failed never may.
enum class Unverified { refused, allowed };

class RestoreSnapshot {
 public:
  /// Throws: usage, not_found.
  RestoreSnapshot(const std::filesystem::path& store, const std::string& name);

  const std::string& name() const { return name_; }  // "edge/20261123T231700Z"
  const std::string& cluster() const { return snapshot_.manifest.cluster; }

  /// Verifies and unpacks it; what is against it goes into `step`. Throws: damaged, not_found, storage, cancelled.
  void verify(reports::RestoreStep& step, Unverified unverified);

  // All that follows only after a verify() that found nothing against it.

  /// Moves the revision of the copy beyond what any client can have seen, and returns it.
  core::Revision bump_revision();

  const verifier::Verification& verification() const { return verification_; }
  std::filesystem::path database() const { return copy_->database(); }
  std::filesystem::path token() const { return copy_->scratch.path() / store::kTokenFile; }
  restorer::Wanted wanted() const;

  /// What no restore does, for a node that calls itself `node`; with the revision not bumped, watchers too.
  std::vector<std::string> left_to_a_person(const std::string& node, restorer::Server server, bool bumped) const;

 private:
  store::Store store_;
  store::Snapshot snapshot_;
  std::string name_;
  verifier::Verification verification_;
  verifier::RestoreNeeds needs_;
  std::optional<StoredCopy> copy_;
};

}  // namespace cli
