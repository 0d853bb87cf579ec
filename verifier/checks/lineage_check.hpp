// Check `lineage`: this snapshot as what the one before it has become. The same cluster, no step back in time, and
// every row that compaction could not have removed still there, byte by byte the same; or the bumped restore of an
// earlier state, of which that is asked as well. A bit that changed in an old row passes every check on one database
// alone; here it does not. What it does not do: know whether a row was added, changed or deleted by right after the
// earlier snapshot.
#pragma once

#include "verifier/checks/check.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {

/// `previous` is the earlier one, called `name` in findings. Reads both once, side by side, and keeps neither.
/// Throws: damaged, storage, cancelled.
void check_lineage(Database& database, Database& previous, const std::string& name, CheckBuilder& check);

}  // namespace verifier
