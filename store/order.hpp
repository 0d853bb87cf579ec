// The order in which snapshots were taken, which no clock can turn: each pull counts one further than the newest there
// is, and what was imported stands where its time puts it. Pure; store/catalogue.hpp sorts by it.
// What it does not do: name snapshots. Their names are times, by the clock of that time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace store {

/// Where a snapshot came from: from a node just now, or from before.
enum class Arrival { captured, imported };

/// A number beyond it is none that a store comes to; a JSON number holds it exactly.
inline constexpr std::uint64_t kLastSequence = 1ULL << 53U;

/// Whether `one` was taken before `other`: by their sequences, those of one sequence by their names.
bool is_before(const Snapshot& one, const Snapshot& other);

/// The sequence of a snapshot named after `timestamp` that arrives beside `snapshots`, which are in order. One that is
/// imported stands before the first that is later, and so never behind one that a wrong clock has dated too early.
std::uint64_t sequence_for(const std::vector<Snapshot>& snapshots, core::UtcTime timestamp, Arrival arrival);

/// That of one whose manifest cannot be read, beside `snapshots` (in order) that can: behind all when its name is later
/// than every one that is not from the future, else by its name. What came last may be worth most, and is not to be
/// passed over for one that a wrong clock has dated too late.
std::uint64_t sequence_of_unknown(const std::vector<Snapshot>& snapshots, core::UtcTime timestamp, core::UtcTime now);

/// What there is to say of those that are dated later than `now`; empty when none is.
std::optional<std::string> from_the_future(const std::vector<Snapshot>& snapshots, core::UtcTime now);

}  // namespace store
