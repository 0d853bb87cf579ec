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

/// Verdict and moment of an evidence file; empty when there is none or it cannot be read (no proof is no proof).
std::optional<Proof> read_proof(const std::filesystem::path& path);

}  // namespace store
