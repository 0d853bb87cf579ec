// Check `blockers`: sound things that will stand in the way of a restored cluster. Webhooks that must answer before
// anything may be written and that run inside the cluster, namespaces stuck in deletion, certificates that ran out, and
// what is stored in a version that is not served.
// All are warnings: the snapshot can be brought back, and somebody has work to do then.
#pragma once

#include "core/clock.hpp"
#include "verifier/checks/check.hpp"
#include "verifier/checks/verification.hpp"
#include "verifier/keys/encryption.hpp"
#include "verifier/kine/name_table.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {

/// Reads the few objects it needs once more, by their revision. Certificates are checked at `now`. Throws: as
/// Statement.
void check_blockers(Database& database, const Verification& result, const Names& names, const EncryptionKeys& keys,
                    core::UtcTime now, CheckBuilder& check);

}  // namespace verifier
