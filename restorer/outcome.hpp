// What a restore has come to: its steps, each with its findings, and what is left to a person. A value;
// reports/restore.hpp shows it. What it does not do: anything.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/finding.hpp"
#include "core/revision.hpp"
#include "core/verdict.hpp"
#include "drill/proof/compare.hpp"
#include "restorer/node.hpp"

namespace restorer {

struct Step {
  std::string name;
  std::string title;  // for a person: what it does
  std::string lines;  // that run on the node; empty: it runs here
  core::CheckVerdict verdict = core::CheckVerdict::skipped;
  std::vector<core::Finding> findings;
  std::chrono::nanoseconds duration{0};

  void add(core::Severity severity, std::string message) { findings.push_back({severity, std::move(message), {}, {}}); }
  /// Nothing was found that forbids going on.
  bool passed() const {
    return std::none_of(findings.begin(), findings.end(),
                        [](const core::Finding& one) { return one.severity == core::Severity::error; });
  }
};

/// failed: the node is between two states, and `rollback_failure` says what to do.
enum class RolledBack { no, yes, failed };

/// Another cluster that the node had, and that is put aside or was the reason for a refusal.
struct ReplacedCluster {
  std::string name;  // as --replace-cluster calls it
  std::optional<OtherCluster> content;
};

struct Outcome {
  std::string snapshot;
  std::string cluster;
  std::string node;                          // "ubuntu@10.0.0.2 port 22"
  std::string node_k3s_version;              // empty: not known
  std::vector<std::string> accepted_faults;  // checks that the snapshot fails and --force has passed over
  std::optional<ReplacedCluster> replaced;   // empty: the node had none but the snapshot's
  std::vector<Step> steps;
  std::string kept_aside;  // directory on the node; empty: nothing is
  RolledBack rolled_back = RolledBack::no;
  std::string rollback_failure;
  core::Revision revision;               // of the snapshot
  std::optional<core::Revision> bumped;  // from which the restored cluster goes on
  std::optional<drill::Equality> objects;
  std::vector<std::string> needs_a_person;
  std::chrono::nanoseconds duration{0};
  enum class Mode { real, dry_run } mode = Mode::real;
};

/// A failed step is fail, one that could not run inconclusive.
core::Verdict verdict_of(const Outcome& outcome);

}  // namespace restorer
