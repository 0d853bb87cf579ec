#include "store/order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "core/mutation.hpp"

namespace store {
namespace {

constexpr std::chrono::minutes kClocks{5};  // so far may two clocks be apart

core::UtcTime timestamp_of(const Snapshot& snapshot) {
  return core::parse_compact(snapshot.manifest.name).value_or(core::UtcTime());
}

}  // namespace

bool is_before(const Snapshot& one, const Snapshot& other) {
  return std::tie(one.manifest.sequence, one.manifest.name) < std::tie(other.manifest.sequence, other.manifest.name);
}

std::uint64_t sequence_for(const std::vector<Snapshot>& snapshots, core::UtcTime timestamp, Arrival arrival) {
  if (core::mutated("store-no-order")) return 0;
  if (snapshots.empty()) return arrival == Arrival::captured ? 1 : 0;
  if (arrival == Arrival::captured) return std::min(snapshots.back().manifest.sequence + 1, kLastSequence);
  const auto later = std::find_if(snapshots.begin(), snapshots.end(),
                                  [&](const Snapshot& one) { return timestamp_of(one) > timestamp; });
  return later == snapshots.begin() ? 0 : std::prev(later)->manifest.sequence;
}

std::uint64_t sequence_of_unknown(const std::vector<Snapshot>& snapshots, core::UtcTime timestamp, core::UtcTime now) {
  std::vector<Snapshot> dated_well;
  for (const Snapshot& snapshot : snapshots)
    if (timestamp_of(snapshot) <= now + kClocks) dated_well.push_back(snapshot);
  const bool is_last = std::all_of(dated_well.begin(), dated_well.end(),
                                   [&](const Snapshot& one) { return timestamp_of(one) < timestamp; });
  if (is_last && dated_well.size() < snapshots.size()) return snapshots.back().manifest.sequence + 1;
  return sequence_for(snapshots, timestamp, Arrival::imported);
}

std::optional<std::string> from_the_future(const std::vector<Snapshot>& snapshots, core::UtcTime now) {
  std::size_t count = 0;
  const Snapshot* last = nullptr;
  for (const Snapshot& snapshot : snapshots) {
    if (timestamp_of(snapshot) <= now + kClocks) continue;
    ++count;
    if (last == nullptr || timestamp_of(*last) < timestamp_of(snapshot)) last = &snapshot;
  }
  if (last == nullptr) return std::nullopt;
  const std::string how_many = count == 1 ? last->full_name() + " is" : fmt::format("{} snapshots are", count);
  return fmt::format(
      "{} dated later than this machine's clock{}: that clock is wrong now, or was when they were taken. Set it by "
      "NTP. "
      "The order of snapshots is known all the same, and the next pull is the newest",
      how_many,
      count == 1
          ? ""
          : fmt::format(", the last {} ({})", last->full_name(), core::format_duration(timestamp_of(*last) - now)));
}

}  // namespace store
