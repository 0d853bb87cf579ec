// Check `bootstrap`: the saved token opens the one sealed row, and what is in it belongs to that token and is still
// good. Without this a restore does not start, or starts as another cluster. Runs before the pass over the rows, which
// opens encrypted Secrets with the keys found here. What it does not do: check the encryption configuration, which
// matters to the values that are sealed with it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "verifier/checks/check.hpp"
#include "verifier/checks/verification.hpp"
#include "verifier/keys/bootstrap.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {

/// Skipped without a token; empty when the row was not opened. `now` is the time of the restore that is checked.
/// Throws: damaged, storage, cancelled.
std::optional<OpenedBootstrap> check_bootstrap(Database& database, const Subject& subject, core::UtcTime now,
                                               CheckBuilder& check);

}  // namespace verifier
