// Check `decode`: every live value under /registry/ decoded and held against its key, in the one pass over the rows.
// Fills the census, the objects, the revisions and the coverage of rows and objects.
// What it does not do: judge history (revisions, value-chain) or open what encryption at rest has sealed.
#pragma once

#include "verifier/check.hpp"
#include "verifier/sqlite.hpp"
#include "verifier/verify.hpp"

namespace verifier {

/// Throws: storage, cancelled. Leaves: what was counted until then in `result`.
void check_decode(Database& database, Verification& result, CheckBuilder& check, const Progress& progress);

}  // namespace verifier
