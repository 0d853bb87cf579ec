// How long a restore should take, from the size of the database and the number of its objects, as earlier drills took
// it. Least squares that lean towards "as always": one drill, or many of one size, predict their average; a slope has
// to be seen. Pure numbers; history/history.hpp chooses the drills and scores what comes of it.
// What it does not do: know why; other hosts, engines and times before a change belong to other predictions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace history {

struct DrillSize {
  std::uint64_t size_bytes = 0;
  std::uint64_t objects = 0;
};

struct TimedDrill {
  DrillSize size;
  double seconds = 0;
};

/// Finite, and 0 <= low <= seconds <= high.
struct Prediction {
  double seconds = 0;
  double low_seconds = 0;
  double high_seconds = 0;
};

/// Empty when there is no drill that took time. `drills`: seconds finite and not negative.
std::optional<Prediction> predict(const std::vector<TimedDrill>& drills, const DrillSize& size);

}  // namespace history
