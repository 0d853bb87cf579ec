// The drill: restores a snapshot into a throwaway control plane, times each phase, compares every object, drills a
// damaged twin, tears it all down. Between verifier and reports in the flow. Values out; what happened to the snapshot
// is in the findings of the phases and of the proof. What it does not do: print, decide the verdict, or touch the store
// beyond reading the files of the snapshot and of the one before it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/finding.hpp"
#include "drill/candidate.hpp"
#include "drill/control.hpp"
#include "drill/drift.hpp"
#include "drill/engine/boot.hpp"
#include "drill/engine/engine.hpp"
#include "drill/proof/compare.hpp"
#include "drill/proof/datastore_proof.hpp"
#include "verifier/verify.hpp"

namespace drill {

struct Objectives {
  std::optional<std::chrono::nanoseconds> rto;
  std::optional<std::chrono::nanoseconds> rpo;
};

struct DrillOptions {
  EngineSettings engine;
  Objectives objectives;
  std::chrono::milliseconds ready_timeout{std::chrono::minutes(5)};
  std::chrono::milliseconds phase_timeout{std::chrono::minutes(30)};  // of each phase once it is ready
  Depth depth = Depth::internal;
  std::chrono::milliseconds alive_for{std::chrono::seconds(10)};  // watched after it was ready; 0: not
  std::optional<Fault> control;                                   // of the damaged twin; empty: none is drilled
  Controllers controllers = Controllers::off;
  std::chrono::milliseconds settle{std::chrono::seconds(30)};  // what controllers are given before drift is looked at
  Caps caps;
  std::string only;  // name of the one candidate that may be restored; empty: the newest that verifies
  std::chrono::nanoseconds stale_after{std::chrono::hours(26)};  // greatest age of the newest candidate, without `only`
};

struct Phase {
  std::string name;
  std::chrono::nanoseconds start{0};  // after the drill's start
  std::chrono::nanoseconds duration{0};
  core::CheckVerdict verdict = core::CheckVerdict::skipped;
  std::vector<core::Finding> findings;
  std::string log = {};  // what the engine said at its end
};

struct DrillReport {
  std::string snapshot;
  std::optional<core::UtcTime> taken_at;
  std::string k3s_version;
  core::UtcTime started_at;
  std::optional<EngineChoice> engine;
  std::vector<Phase>
      phases;  // select, fetch, verify, place, start, datastore, bootstrap, ready, list, prove, control, teardown
  DatastoreSteps datastore_steps;
  std::optional<std::chrono::nanoseconds> rto;
  /// What a disaster at the drill's start would have cost: since the capture of the newest snapshot that verifies.
  /// Empty when none does, when `only` names one that has newer ones, and when its capture is not known.
  std::optional<std::chrono::nanoseconds> rpo;
  std::optional<std::chrono::nanoseconds> captured_lag;  // from the newest change inside it to its capture
  Objectives objectives;
  std::optional<verifier::Verification> verification;
  std::string compared_with;  // an earlier snapshot, by checks `lineage` and `census`; empty when there is none
  bool compared_with_drilled = false;  // that is the one of the drill before; else the one just before
  Equality objects;
  std::vector<core::Check> proof;  // objects, identity, health, datastore, writes, alive; those that were reached
  Depth depth = Depth::internal;
  std::uint64_t datastore_keys = 0;     // of the snapshot, looked for in the restored datastore
  std::uint64_t datastore_matched = 0;  // that came back byte by byte
  std::optional<Control> control;
  std::optional<Drift> drift;  // with controllers
  std::vector<std::string> leftovers;
  std::chrono::nanoseconds duration{0};

  /// Both objectives that are set were measured and met; empty when none is set.
  std::optional<bool> objectives_met() const;
};

/// Called with the name of the phase that begins, and now and then with what is being done.
using Progress = std::function<void(std::string_view)>;

/// Drills the first of `candidates` that verifies; one that does not is a finding of phase `select`, and so is what the
/// timestamps of all of them say. `candidates` are all of a cluster, newest first, as each is compared with one before
/// it. Throws: cancelled, and denied or storage when there can be no sandbox. Leaves: nothing, whatever happens.
DrillReport run(const std::vector<Candidate>& candidates, const DrillOptions& options, const Progress& progress = {});

}  // namespace drill
