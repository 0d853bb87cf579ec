// One drill as the history keeps it: a line of JSON that outlives the snapshot. Made from a DrillReport, read back from
// a store's drills.jsonl. Numbers, names and verdicts, nothing of what is inside a snapshot. Format:
// docs/store-format.md.
// What it does not do: write files (store/journal.hpp), or reckon (history/history.hpp).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "drill/drill.hpp"
#include "history/prediction.hpp"

namespace history {

struct DrillRecord {
  core::UtcTime started_at;
  std::string snapshot;          // without the cluster; empty when none could be restored
  std::string verdict;           // of the drill, as in the contract
  std::string snapshot_verdict;  // of the snapshot alone: a missed objective does not spoil what was measured
  std::string engine;            // kind; empty when there was none
  std::string engine_version;
  std::string drill_version;
  std::uint64_t cpu_count = 0;
  DrillSize size;
  std::uint64_t rows = 0;
  std::optional<double> rto_seconds;
  std::optional<double> rpo_seconds;  // unknown of a drill-record/1, which had the next one in its place
  std::optional<double> captured_lag_seconds;
  std::map<std::string, double> phases;  // seconds of those that passed
  std::string control_fault;             // of the damaged twin; empty when none was drilled
  std::string control_verdict;
  std::optional<Prediction> predicted;  // of rto_seconds, from the drills before this one

  /// Its restore went well, whatever the night's objectives: what it took can be compared with others.
  bool restored() const { return snapshot_verdict == "pass"; }
};

/// Without a prediction.
DrillRecord record_of(const drill::DrillReport& report);

/// One line, without its end.
std::string to_line(const DrillRecord& record);

/// Empty for what is no such line. Takes any text: of another schema, torn, hostile. Never throws for what it says.
std::optional<DrillRecord> record_from_line(std::string_view line);

}  // namespace history
