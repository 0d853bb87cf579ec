// A game day: the cases that need no node, on copies of a user's own snapshots. Nothing of the store is touched.
// What it does not do: choose the cases (runner.hpp), or say what came of them (reports/scenario.hpp).
#pragma once

#include <filesystem>

#include "store/store.hpp"

namespace scenarios {

/// Copies `newest`, the two before it of the same cluster, and what they are patches on into `target`, a new directory,
/// as they lie in the store. Returns how many of the three there are. Throws: storage; damaged for one whose manifest
/// cannot be read.
std::size_t copy_newest(const store::Store& store, const store::Snapshot& newest, const std::filesystem::path& target);

}  // namespace scenarios
