// Whose snapshots a series holds. A series is of one cluster; what a pull brings of another is kept beside it and
// marked until a person says which of the two counts (drill series). What it does not do: check a snapshot.
#pragma once

#include <string>

#include "store/store.hpp"

namespace cli {

/// Sees to it that the series has a record of which cluster it is of: that of its oldest snapshot. Older snapshots do
/// not say whose they are; as many are unpacked and read as it takes to tell. The caller holds the lock. Throws:
/// storage, denied, cancelled.
void settle_series(store::Store& store, const std::string& cluster);

/// Takes down which cluster `snapshot` is of, when it is the first of its series to say so, or the CA was rotated. The
/// caller holds the lock. Throws: storage, denied.
void note_series(store::Store& store, const store::Snapshot& snapshot);

/// What is wrong with `snapshot`, which is of another cluster than the series, with both identities and the cures.
std::string another_cluster(const store::Store& store, const store::Snapshot& snapshot);

}  // namespace cli
