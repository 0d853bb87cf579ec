// The one pass over all rows, and the checks that live on it: `revisions`, `value-chain`, `decode`, `secrets`, and
// those that check the names and objects it leaves behind: `references`, `blockers`. What it does not do: keep a value;
// `blockers` reads the few it looks into once more.
#pragma once

#include <vector>

#include "core/clock.hpp"
#include "verifier/checks/bootstrap_check.hpp"
#include "verifier/checks/check.hpp"
#include "verifier/kine/sqlite.hpp"
#include "verifier/verify.hpp"

namespace verifier {

/// `bootstrap` is nullptr when its row was not opened; certificates are checked at `now`. Fills revisions, rows,
/// census, objects and coverage of `result`. Throws: storage, cancelled.
std::vector<core::Check> check_rows(Database& database, const Subject& subject, const OpenedBootstrap* bootstrap,
                                    core::UtcTime now, Verification& result, const Progress& progress);

}  // namespace verifier
