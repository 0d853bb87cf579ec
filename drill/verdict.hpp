// The verdict on a drill, and on the snapshot that it restored. Between drill and whoever prints or keeps it.
#pragma once

#include "core/verdict.hpp"
#include "drill/drill.hpp"

namespace drill {

/// A missed objective is a fail; an objective that is set but was not measured is inconclusive.
core::Verdict verdict_of(const DrillReport& report);

/// What the drill proved about the snapshot it restored: the same without objectives, without the age of the newest
/// snapshot and the newer ones that did not verify, and without what the drill left behind.
core::Verdict snapshot_verdict_of(const DrillReport& report);

}  // namespace drill
