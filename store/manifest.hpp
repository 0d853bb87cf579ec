// manifest.json and evidence files as values: the JSON side of the store. Format: docs/store-format.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "store/store.hpp"

namespace store {

inline constexpr std::string_view kManifestFile = "manifest.json";
inline constexpr std::string_view kSeriesFile = "series.json";
inline constexpr std::string_view kIncomingPrefix = ".incoming-";

std::string_view evidence_file(Evidence kind);

std::string to_json(const Manifest& manifest);

/// Throws: damaged for anything that is no manifest of a known schema.
Manifest manifest_from_json(const std::string& text);

/// The manifest in a snapshot's `directory`, whose name it must bear. Throws: damaged, not_found, storage, denied.
Manifest read_manifest(const std::filesystem::path& directory);

std::string to_json(const SeriesRecord& record);

/// The record in `cluster_directory`. Throws: not_found, damaged, storage, denied.
SeriesRecord read_series(const std::filesystem::path& cluster_directory);

/// What an evidence document proves about its snapshot: "snapshot.verdict" where it is given (a run can fail for
/// reasons that are not this snapshot's), else "verdict". Empty for anything else (no proof is no proof). Reads on only
/// until it knows.
std::optional<Proof> proof_from_json(const std::string& text);

/// The same of a file; empty when there is none or, with a warning, it is no file that can hold one. Throws: denied,
/// storage.
std::optional<Proof> read_proof(const std::filesystem::path& path);

/// What was found wrong with a snapshot's database file, and when.
std::string damage_to_json(std::string_view message, core::UtcTime found_at);

/// The message; empty when there is no such file. Throws: denied, storage.
std::optional<std::string> read_damage(const std::filesystem::path& path);

}  // namespace store
