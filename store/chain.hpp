// What the next snapshot is packed against: a pure choice from what lies in the store already.
// Each day (UTC) has one keyframe; steps are patches on it, and the rest are patches on the newest step. So a snapshot
// needs at most two other files. What it does not do: read or write anything (store/image.hpp packs).
#pragma once

#include <string>
#include <vector>

#include "store/store.hpp"

namespace store {

/// Name of the snapshot to pack against one taken at `taken_at`, behind `snapshots` (in order); empty when it has to be
/// a keyframe: the first of its day, or the first after damage was found on that day. A new step is made once the
/// patches on the newest step weigh as much as that step: then a patch on the keyframe costs no more than they would go
/// on to cost.
std::string choose_base(const std::vector<Snapshot>& snapshots, core::UtcTime taken_at);

}  // namespace store
