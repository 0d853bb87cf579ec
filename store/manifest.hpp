// manifest.json and evidence files as values: the JSON side of the store. Format: docs/store-format.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "store/store.hpp"

namespace store {

std::string to_json(const Manifest& manifest);

/// Throws: damaged for anything that is no manifest of a known schema.
Manifest manifest_from_json(const std::string& text);

/// What an evidence document proves about its snapshot: "snapshot.verdict" where it is given (a run can fail for
/// reasons that are not this snapshot's), else "verdict". Empty for anything else (no proof is no proof).
std::optional<Proof> proof_from_json(const std::string& text);

/// The same of a file; empty when there is none or it cannot be read.
std::optional<Proof> read_proof(const std::filesystem::path& path);

}  // namespace store
