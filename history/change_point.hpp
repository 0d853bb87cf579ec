// When a phase began to take another time: steps in a series of durations, found by rank, so that single outliers and
// the noise of a busy machine make none. Pure numbers; history/history.hpp says what they are of. How often it is wrong
// and how soon it is right: `change_table` (tests/history), whose figures are in docs/history.md.
// What it does not do: call growth a change. A series that a straight line explains as well has no step.
#pragma once

#include <cstddef>
#include <vector>

namespace history {

/// From `first_after` on the series took another time.
struct Step {
  std::size_t first_after = 0;
  std::size_t reported_at = 0;  // the value with which it could be seen
  double before = 0;            // mean of the middle half, back to the step before, of at most ninety values
  double after = 0;             // the same, up to the next step or the end
};

/// The steps of `series` (seconds, finite, not negative), oldest first, as they would have been reported one value
/// after the other: what comes later moves none of them.
std::vector<Step> find_steps(const std::vector<double>& series);

/// Mean of the middle half of `values`: an average that a few outliers do not move. 0 for none.
double middle_mean(std::vector<double> values);

double median(std::vector<double> values);  // 0 for none

}  // namespace history
