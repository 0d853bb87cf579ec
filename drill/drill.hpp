// The drill: restores a snapshot into a throwaway control plane, times each phase, compares every object, tears it
// down. Between verifier and reports in the flow. Values out; what happened to the snapshot is in the phases' findings.
// What it does not do: print, decide the verdict, or touch the store beyond reading one snapshot's files.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/file.hpp"
#include "core/finding.hpp"
#include "drill/compare.hpp"
#include "drill/engine.hpp"
#include "verifier/verify.hpp"

namespace drill {

/// A snapshot that may be restored: from the store, or plain files.
struct Candidate {
  std::string name;                // "edge/20261123T231700Z", or the file's path
  std::filesystem::path database;  // a plain file, copied with the -wal beside it; or
  /// what writes the database to the path given and returns its size and hash, where it does not lie there plain.
  std::function<core::CopiedFile(const std::filesystem::path&)> unpack;
  std::optional<std::filesystem::path> token;
  std::vector<std::filesystem::path> configs;  // the node's config.yaml, then its config.yaml.d/ in order
  std::optional<core::UtcTime> taken_at;
  std::string k3s_version;  // from the manifest; empty: taken from the objects inside
  std::optional<std::string> captured_sha256;
  std::optional<std::string> damage;  // why it cannot even be tried
};

struct Objectives {
  std::optional<std::chrono::nanoseconds> rto;
  std::optional<std::chrono::nanoseconds> rpo;
};

struct DrillOptions {
  EngineSettings engine;
  Objectives objectives;
  std::chrono::milliseconds ready_timeout{std::chrono::minutes(5)};
};

struct Phase {
  std::string name;
  std::chrono::nanoseconds start{0};  // after the drill's start
  std::chrono::nanoseconds duration{0};
  core::CheckVerdict verdict = core::CheckVerdict::skipped;
  std::vector<core::Finding> findings;
};

struct DrillReport {
  std::string snapshot;
  std::optional<core::UtcTime> taken_at;
  std::string k3s_version;
  core::UtcTime started_at;
  std::optional<EngineChoice> engine;
  std::vector<Phase>
      phases;  // select, fetch, verify, place, start, datastore, bootstrap, ready, list, prove, control, teardown
  std::optional<std::chrono::nanoseconds> rto;
  std::optional<std::chrono::nanoseconds> rpo;
  Objectives objectives;
  std::optional<verifier::Verification> verification;
  Equality objects;
  std::vector<std::string> leftovers;
  std::chrono::nanoseconds duration{0};

  /// Both objectives that are set were measured and met; empty when none is set.
  std::optional<bool> objectives_met() const;
};

/// Called with the name of the phase that begins, and now and then with what is being done.
using Progress = std::function<void(std::string_view)>;

/// Drills the first of `candidates` (newest first) that verifies; one that does not is a finding of phase `select`.
/// Throws: cancelled, and denied or storage when there can be no sandbox. Leaves: nothing, whatever happens.
DrillReport run(const std::vector<Candidate>& candidates, const DrillOptions& options, const Progress& progress = {});

}  // namespace drill
