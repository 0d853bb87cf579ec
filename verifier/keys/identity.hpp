// Which cluster a database is of, without checking it: the uid of its kube-system and the CA in its bootstrap row.
// For a pull, which is about to store it, and for check `lineage`. What it does not do: look at any other row.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/cluster_identity.hpp"
#include "verifier/keys/token.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {

/// Empty when there is none. Throws: damaged, storage, timeout, cancelled.
std::string kube_system_uid(Database& database);

/// What can be told: without `token`, or with one that opens nothing, not the CA; of a damaged database perhaps
/// nothing. Takes some milliseconds, whatever the size. Throws: storage, cancelled.
core::ClusterIdentity read_identity(const std::filesystem::path& database, const std::optional<Token>& token);

}  // namespace verifier
