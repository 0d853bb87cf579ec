// The one pass over all rows, and the checks that live on it: `revisions`, `value-chain`, `decode`, and what is judged
// by the names and objects it leaves behind: `references`. What it does not do: read a row twice, or keep a value.
#pragma once

#include <vector>

#include "verifier/check.hpp"
#include "verifier/sqlite.hpp"
#include "verifier/verify.hpp"

namespace verifier {

/// The checks in the contract's order. Fills revisions, rows, census, objects and coverage of `result`.
/// Throws: storage, cancelled.
std::vector<core::Check> check_rows(Database& database, Verification& result, const Progress& progress);

}  // namespace verifier
