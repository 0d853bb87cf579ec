// Check `freshness`: the newest change recorded inside the snapshot against the time it was taken. What lies
// between is what a restore would lose beyond what the time since the snapshot loses; a long gap means that the source
// stood still: k3s was down, or the file was a copy of another day.
#pragma once

#include <optional>

#include "core/clock.hpp"
#include "verifier/checks/check.hpp"

namespace verifier {

/// Nodes and the API server renew leases every ten seconds. Longer than `kQuiet` is a warning, than `kFrozen` an error.
inline constexpr std::chrono::minutes kQuiet{10};
inline constexpr std::chrono::minutes kFrozen{60};

/// A capture that is dated so much later than now says nothing of ages: skipped.
inline constexpr std::chrono::minutes kAhead{2};

void check_freshness(std::optional<core::UtcTime> newest_change, std::optional<core::UtcTime> taken_at,
                     core::UtcTime now, CheckBuilder& check);

}  // namespace verifier
