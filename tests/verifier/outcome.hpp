// Applies one damage to a copy of a sound snapshot and asks everybody: SQLite's two checks, and verify() with
// everything it may be given. What it would say with less is told from which checks failed, as each stands on its own.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "tests/verifier/damage.hpp"
#include "verifier/verify.hpp"

namespace damage {

/// A sound snapshot and what belongs to it.
struct Stage {
  std::filesystem::path database;
  std::filesystem::path previous;
  std::filesystem::path other;
  std::optional<verifier::Token> token;
  std::optional<core::UtcTime> taken_at;  // set by prepare()
  std::string sha256;
  std::set<std::pair<std::string, std::string>> said;  // check and message: warnings that are there without damage
};

/// Verifies the snapshot as it is and notes what is said. Throws: runtime_error when a check fails.
void prepare(Stage& stage);

struct Outcome {
  bool applied = false;  // else nothing below counts
  bool quick_check = false;
  bool integrity_check = false;
  bool content = false;       // a check failed that needs neither hash nor the snapshot before
  bool previous = false;      // with the snapshot before
  bool hash = false;          // with the hash of the capture
  bool warned = false;        // a warning that is not there without the damage
  bool warned_alone = false;  // the same, of a check that needs neither
  std::string found_by;       // the first failing check but hash; or hash; or "warning: " and the first that warns
};

/// What verify() says of a database, with everything it may be given.
Outcome look(const Stage& stage, const verifier::Subject& subject);

/// `seed` alone decides what is hit.
Outcome check(const Stage& stage, const Damage& damage, std::uint64_t seed);

/// True when the outcome is what the damage's `needs` demands.
bool as_needed(const Damage& damage, const Outcome& outcome);

/// Whether `pragma` of SQLite finds something, an open that fails included.
bool sqlite_finds(const std::filesystem::path& database, const std::string& pragma);

}  // namespace damage
