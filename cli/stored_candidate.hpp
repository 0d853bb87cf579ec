// What `drill run` and `drill explore` restore, from the store or from plain files, and the engine they restore it
// into.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "drill/candidate.hpp"
#include "store/store.hpp"

namespace cli {

/// A stored snapshot; one that is lost says so as its damage. `store` outlives it.
drill::Candidate candidate_of(store::Store& store, const store::Snapshot& snapshot);

/// Plain files.
drill::Candidate candidate_of(const std::filesystem::path& database, const std::filesystem::path& token);

/// --engine, kept in `engine`, which says "auto" at first.
void add_engine_option(CLI::App& app, std::string& engine);

/// Empty for "auto".
std::optional<drill::EngineKind> engine_kind(const std::string& name);

}  // namespace cli
