// Check `bootstrap`: the saved token opens the one sealed row, and what is in it belongs to that token. Without this a
// restore does not start, or starts as another cluster.
// What it does not do yet: pair certificates with keys, read expiry dates, open encrypted Secrets.
#pragma once

#include "verifier/check.hpp"
#include "verifier/sqlite.hpp"
#include "verifier/verify.hpp"

namespace verifier {

/// Skipped without a token. Fills `result.secrets_encryption`. Throws: damaged, storage, cancelled.
void check_bootstrap(Database& database, const Subject& subject, Verification& result, CheckBuilder& check);

}  // namespace verifier
