// Proves one snapshot offline: the file, its rows, every object in it, and that the saved token opens it.
// Between store and drill in the flow. Works on a scratch copy and may change it; a stored snapshot is never opened
// in place. What it does not do: print, decide the verdict (reports), or need a control plane.
#pragma once

#include "verifier/checks/verification.hpp"
#include "verifier/kine/progress.hpp"

namespace verifier {

/// Runs every check, each on its own: one that throws becomes could_not_run (or, for kind damaged, a failing finding)
/// and the rest goes on. Throws: only cancelled, and not_found when there is no file at all.
Verification verify(const Subject& subject, const Progress& progress = {});

/// Puts checks `lineage`, `freshness` and `census` of `subject` in the place of those of `verification`, which was made
/// of the same database without `taken_at` and `previous`: for one that has no time for them at first. Throws:
/// cancelled.
void verify_in_series(const Subject& subject, Verification& verification);

}  // namespace verifier
