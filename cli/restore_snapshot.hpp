// The snapshot that `drill restore` puts onto a node: found, verified and unpacked; what it asks of the node, and what
// it leaves to a person. First of all that a restore makes; its copy lies in a scratch directory as long as it lives.
// What it does not do: know of a node's state (restorer/preflight.hpp), or connect.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/stored_copy.hpp"
#include "restorer/restore.hpp"
#include "verifier/restore_needs.hpp"

namespace cli {

class RestoreSnapshot : public restorer::RestorableSnapshot {
 public:
  /// Throws: usage, not_found.
  RestoreSnapshot(const std::filesystem::path& store, const std::string& name);

  const std::string& name() const override { return name_; }  // "edge/20261123T231700Z"
  const std::string& cluster() const override { return snapshot_.manifest.cluster; }

  void verify(restorer::Step& step, restorer::Faults faults, const std::string& node) override;
  const std::vector<std::string>& faults() const override { return faults_; }
  std::optional<core::Revision> bump_revision(restorer::Step& step) override;
  const verifier::Verification& verification() const override { return verification_; }
  std::filesystem::path database() const override { return copy_->database(); }
  std::filesystem::path token() const override { return copy_->scratch.path() / store::kTokenFile; }
  restorer::Requirements requirements() const override;
  std::vector<std::string> left_to_a_person(const std::string& node, restorer::Newcomer newcomer,
                                            bool bumped) const override;

 private:
  void refuse(restorer::Step& step, const std::vector<store::Snapshot>& snapshots, const std::string& node) const;
  void read_needs(restorer::Step& step);
  void compare_passwords(const std::vector<store::Snapshot>& snapshots);

  store::Store store_;
  store::Snapshot snapshot_;
  std::string name_;
  verifier::Verification verification_;
  verifier::RestoreNeeds needs_;
  std::vector<std::string> faults_;
  std::vector<std::string> other_passwords_;  // nodes that have got another one since
  std::optional<StoredCopy> copy_;
};

}  // namespace cli
