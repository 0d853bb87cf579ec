// The real restore of a node: which steps, in which order, and what happens when one fails. Everything is looked at
// before anything is touched; from the first change on, whatever fails is rolled back.
// What it does not do: find or verify a snapshot (RestorableSnapshot does), or ask and answer a person (Operator does).
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "restorer/outcome.hpp"
#include "restorer/preflight.hpp"
#include "restorer/restored_api.hpp"
#include "restorer/rollback.hpp"
#include "restorer/steps.hpp"
#include "verifier/checks/verification.hpp"

namespace restorer {

/// Whether a snapshot may be restored that fails a check, or could not be verified as a whole.
enum class Faults { refused, accepted };

/// Whether the node had been a server of the snapshot's cluster before.
enum class Newcomer { no, yes };

/// The snapshot that is restored, as whoever keeps it sees it.
class RestorableSnapshot {
 public:
  virtual ~RestorableSnapshot() = default;

  virtual const std::string& name() const = 0;  // "edge/20261123T231700Z"
  virtual const std::string& cluster() const = 0;

  /// Verifies and unpacks it; what is against it goes into `step`, and what else there is and how to go on when that is
  /// refused. All that follows only after one that refused nothing. Throws: damaged, not_found, storage, cancelled.
  virtual void verify(Step& step, Faults faults, const std::string& node) = 0;

  /// The checks that it fails, or that could not look at all of it: accepted ones. Empty: it is whole.
  virtual const std::vector<std::string>& faults() const = 0;

  /// Moves the revision of the copy beyond what any client can have seen, and returns it. Of a copy on which that
  /// cannot be done, and nobody minds, it says so and returns nothing. Throws: damaged, storage, cancelled.
  virtual std::optional<core::Revision> bump_revision(Step& step) = 0;

  virtual const verifier::Verification& verification() const = 0;
  virtual std::filesystem::path database() const = 0;
  virtual std::filesystem::path token() const = 0;
  virtual Requirements requirements() const = 0;

  /// What no restore does, for a node that calls itself `node`; with the revision not bumped, watchers too.
  virtual std::vector<std::string> left_to_a_person(const std::string& node, Newcomer newcomer, bool bumped) const = 0;
};

/// Who answers for the restore.
class Operator {
 public:
  virtual ~Operator() = default;

  /// Agrees to `planned` by typing `name`, or has done so on the command line. `refused` says what state the node is in
  /// otherwise. Throws: usage when not.
  virtual void confirm(const Outcome& so_far, const std::vector<Planned>& planned, const std::string& question,
                       const std::string& name, const std::string& refused) = 0;

  /// Whether cluster `name`, which came to light only after the plan was agreed to, has to be agreed to anew. Throws:
  /// usage when nobody can be asked.
  virtual bool must_be_asked_about(const std::string& name) = 0;
};

enum class Revisions { bumped, kept };

struct Request {
  Settings settings;
  std::string node;  // as --to says
  Outcome::Mode mode = Outcome::Mode::real;
  Faults faults = Faults::refused;
  Revisions revisions = Revisions::bumped;
  std::optional<std::string> replace_cluster;  // name_of_cluster(); "": whichever there is
  std::chrono::milliseconds ready_timeout{0};
  std::chrono::milliseconds alive_for{0};  // watched after it was ready
  /// Looks into the database of `size_bytes` that the node has, as it may be another cluster's. Throws: cancelled.
  std::function<OtherCluster(std::uint64_t size_bytes)> look_into_cluster;
};

/// What is done about a restore that was cut off.
enum class CutOff { roll_back, accept };

/// Restores `snapshot`; a step that fails is in the result. Throws: usage (not agreed to), and whatever keeps it from
/// beginning. Leaves: the node restored, as it was before, or, with Outcome::rollback_failure, what that says.
Outcome restore(const Request& request, RestorableSnapshot& snapshot, Operator& who);

/// Ends a restore that was cut off on the node, and does nothing else. Throws and leaves: as above.
Outcome end_cut_off(const Request& request, CutOff how, Operator& who);

}  // namespace restorer
