// What the timestamps of a cluster's snapshots say of a night, whatever is inside them: are there still pulls, and were
// there all along? Pure functions; first step of a drill, whose phase `select` says what they find.
// What it does not do: know any schedule. A series is held against its own rhythm.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "core/clock.hpp"
#include "core/finding.hpp"
#include "drill/candidate.hpp"

namespace drill {

/// What the clock of a node may be ahead of this machine's, and no snapshot is doubted for it.
inline constexpr std::chrono::minutes kClocks{2};

/// A stretch in which the rhythm of the series before it would have had snapshots.
struct Hole {
  core::UtcTime from;  // the snapshot before it
  core::UtcTime to;    // the one after it, or the time that was given
  std::size_t missing = 0;
  std::chrono::nanoseconds rhythm{0};
};

/// The holes that end in the seven days before `now`, oldest first. `timestamps`: of all snapshots, oldest first; up to
/// `now` they are a series that may have a hole at its end. No hole is what retention makes (the older, the sparser),
/// nor what is there at the same time of another day of that week: a series may rest at night.
std::vector<Hole> find_holes(const std::vector<core::UtcTime>& timestamps, core::UtcTime now);

/// What the timestamps of `candidates`, newest first, say at `now`: an error when the newest is older than
/// `stale_after`, with what that means and the cure; a warning for each hole. Nothing where the time of the newest is
/// not known; could_not_run where it is later than `now`, as its age is not known then.
core::Check check_series(const std::vector<Candidate>& candidates, core::UtcTime now,
                         std::chrono::nanoseconds stale_after);

}  // namespace drill
