// Puts a drill of a stored snapshot into its cluster's history, and says what that history says then.
// Between store (the lines) and reports (what they mean). What it does not do: fail a drill. What keeps us from reading
// or writing the history is a warning.
#pragma once

#include <optional>
#include <string>

#include "drill/drill.hpp"
#include "history/history.hpp"
#include "store/store.hpp"

namespace history {

/// The history with this drill at its end, assessed; empty when it cannot be read.
std::optional<DrillHistory> note_drill(store::Store& store, const std::string& cluster,
                                       const drill::DrillReport& report);

}  // namespace history
