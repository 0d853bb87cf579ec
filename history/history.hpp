// What many drills say together: how long they take lately, when that changed, and how long the next should take.
// Between the records of a store and what `drill run` and `drill report history` show. Pure functions.
// What it does not do: change a verdict. A slow night is a warning; what is too slow, the objectives say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "history/drill_record.hpp"

namespace history {

/// Of the restores that went well, with the engine of the newest.
struct Trend {
  std::string subject;  // "rto", or a phase
  std::size_t drills = 0;
  double last_7_mean = 0;  // seconds, all of them
  double last_7_median = 0;
  double last_30_mean = 0;
  double last_30_median = 0;
  double slope = 0;  // seconds from one drill to the next: the median over all pairs of the last 30
};

/// From one drill on a phase took another time.
struct Change {
  std::string phase;
  double before = 0;  // seconds, the mean of the middle half
  double after = 0;
  core::UtcTime last_before;
  core::UtcTime since;
  std::size_t drills_since = 0;  // of the cluster, from the first that was different to the newest, both counted
  std::string cause;             // what else changed between these two drills; empty when nothing known did
  std::string message;           // "ready took 2.1 s on average until 3 November, 4.0 s since"
};

/// A prediction held against what was measured.
struct Score {
  double error_ratio = 0;  // 0.25: it took a quarter longer
  enum class Band { within, outside } band = Band::within;
};

struct Accuracy {
  std::size_t scored = 0;
  double mean_absolute_error_ratio = 0;
  double within_share = 0;
};

/// The drills of one cluster, oldest first, and what they say.
struct DrillHistory {
  std::vector<DrillRecord> records;
  std::size_t broken_lines = 0;  // lines that are no record
  std::size_t passed_of_last_30 = 0;
  std::size_t inconclusive_of_last_30 = 0;  // they came to no verdict: neither passed nor failed
  std::vector<Trend> trends;    // rto, start, datastore, bootstrap, ready, list, prove: those that were measured
  std::vector<Change> changes;  // of these, over the last ninety restores, oldest first
  Accuracy accuracy;
};

/// Reads a store's lines. What is no record is counted, an empty line is nothing.
DrillHistory read_history(const std::vector<std::string>& lines);

/// Puts `record` at its end, with what was to be expected from those before it.
void add_drill(DrillHistory& history, DrillRecord record);

/// Fills in what the records say; to be called when all are in.
void assess(DrillHistory& history);

/// How long the restore of `record` should take: from restores with the same engine on a host of as many CPUs, since
/// the newest change of that. Empty when there are none.
std::optional<Prediction> predict_next(const std::vector<DrillRecord>& earlier, const DrillRecord& record);

/// Empty when nothing was predicted or measured.
std::optional<Score> score(const DrillRecord& record);

/// What the newest drill is to be told about: it took another time than predicted, or a change of the last thirty.
std::vector<std::string> warnings(const DrillHistory& history);

}  // namespace history
