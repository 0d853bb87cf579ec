// Which snapshots are kept, in the words of restic and borg: a pure decision, values in and values out.
// Store::apply_retention() carries it out after each pull, `drill prune` explains it line by line.
// What it does not do: touch a file, or keep anything for the sake of a snapshot that is lost.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.hpp"

namespace store {

/// The rules add up. Hours, days, weeks (ISO) and months are those of UTC, and only those count that have a snapshot.
/// When none is set, the last 720 are kept.
struct RetentionRules {
  std::optional<std::size_t> last;    // the newest so many
  std::optional<std::size_t> hourly;  // the newest of each of the last so many hours
  std::optional<std::size_t> daily;   // and so on
  std::optional<std::size_t> weekly;
  std::optional<std::size_t> monthly;
  std::optional<std::chrono::nanoseconds>
      for_duration;  // all that are younger than that when the newest was taken, or now
};

enum class Retention { keep, remove };

std::string_view to_string(Retention action);

struct RetentionDecision {
  std::string name;
  Retention action = Retention::remove;
  std::vector<std::string> reasons;  // to keep it: "newest", "hourly", "keyframe of 20261101T051700Z"
};

/// One decision for each of `snapshots` (oldest first), in their order. `now` is what a newest that a wrong clock has
/// dated later cannot pass. Kept whatever the rules say: the newest, the
/// newest that passed a verification, the newest that passed a drill, and what a kept one needs to be unpacked. A lost
/// snapshot takes no other's place in a rule, and stays as long as it would if it were whole. Those of another cluster
/// than the series are checked by themselves, each cluster as if there were no other: none goes for the sake of
/// another.
std::vector<RetentionDecision> decide_retention(const std::vector<Snapshot>& snapshots, const RetentionRules& rules,
                                                core::UtcTime now);

}  // namespace store
