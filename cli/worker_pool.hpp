// Many snapshots at once, one thread per core: each takes a run of neighbours, so that what it unpacked for one serves
// the next. What it does not do: know what is done with a snapshot.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

/// [begin, end) of a list.
struct Run {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// As many as there are cores.
std::size_t default_workers();

/// [0, count) as runs that keep `workers` busy to the end: as long as that allows.
std::vector<Run> split_in_runs(std::size_t count, std::size_t workers);

/// Calls work(run, done) for each run on one of `workers` threads; it calls done() after each of its snapshots. On this
/// thread, progress(n) is called when n are done. Throws: what `work` threw first, after all have ended; no run is
/// begun after that.
void work_through(const std::vector<Run>& runs, std::size_t workers,
                  const std::function<void(const Run&, const std::function<void()>&)>& work,
                  const std::function<void(std::size_t)>& progress);

/// ", 41 s left", from how long `done` of `total` took; empty while that says nothing.
std::string time_left(std::size_t done, std::size_t total, double elapsed_seconds);

}  // namespace cli
