// A snapshot that may be restored, and what a restore is made of once it has been fetched: database, token, config
// files. First step of a drill, of an exploration and of the damaged twin. What it does not do: check any of it.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/file.hpp"
#include "drill/engine/engine.hpp"
#include "k3s/config_file.hpp"
#include "verifier/keys/token.hpp"
#include "verifier/verify.hpp"

namespace drill {

/// From the store, or plain files.
struct Candidate {
  std::string name;                // "edge/20261123T231700Z", or the file's path
  std::filesystem::path database;  // a plain file, copied with the -wal beside it; or
  /// what writes the database to the path given and returns its size and hash, where it does not lie there plain.
  std::function<core::CopiedFile(const std::filesystem::path&)> unpack;
  std::optional<std::filesystem::path> token;
  std::vector<std::filesystem::path> configs;  // the node's config.yaml, then its parts, in k3s's order
  std::optional<core::UtcTime> taken_at;
  std::string k3s_version;  // from the manifest; empty: taken from the objects inside
  std::optional<std::string> captured_sha256;
  std::optional<std::string> damage;      // why it cannot even be tried
  std::optional<std::string> unreadable;  // what keeps us from trying it, and says nothing of it
  bool drilled = false;                   // an earlier drill came to a verdict on it
};

/// Copies of a candidate's files: the database (with its -wal) in a directory of ours, the small ones in memory.
struct Material {
  std::filesystem::path database;
  std::optional<verifier::Token> token;
  std::vector<k3s::ConfigFile> configs;
};

/// Makes `directory` (0700) and copies into it. Throws: damaged (also for another hash than captured), not_found,
/// denied, storage, cancelled.
Material fetch(const Candidate& candidate, const std::filesystem::path& directory);

/// What a night may be compared with, of `earlier` (newest first), the best first. Those that were drilled, so that
/// each step since the last night is checked once, whether that passed or failed; then those just before. Without any
/// that cannot even be tried.
std::vector<const Candidate*> in_order_of_comparison(std::span<const Candidate> earlier);

/// Fetches `candidate` to be compared with; empty when it cannot be brought back. Throws: storage, denied, cancelled.
/// Leaves: nothing in `directory` then.
std::optional<verifier::Previous> fetch_previous(const Candidate& candidate, const std::filesystem::path& directory);

/// What an engine is given, with the flags that must be as they were on the original server.
/// A config that is no YAML gives none. Throws: not_found without a token.
RestoreSet restore_set(const Material& material, const verifier::Verification& verification, Controllers controllers);

}  // namespace drill
