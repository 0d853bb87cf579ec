// A vocabulary of damage to a snapshot: what disks, copies, tools and people do to one, each with what must find it.
// Data for the tests, which demand it, and for the program `detection`, which counts it. Every damage draws from the
// scene's random numbers alone, so a seed repeats a case.
#pragma once

#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "verifier/keys/token.hpp"

namespace damage {

/// One snapshot about to be damaged, in a scratch directory of its own.
struct Scene {
  std::filesystem::path database;  // a copy, to be damaged; its WAL is beside it
  std::optional<verifier::Token> token;
  std::optional<core::UtcTime> taken_at;
  std::filesystem::path previous;  // an older image of the same cluster, never changed
  std::filesystem::path other;     // one of another cluster, never changed
  std::mt19937_64 random;

  /// A number from 0 to count-1.
  std::size_t below(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random); }
};

/// What it takes at the least to find the damage every time.
enum class Needs {
  content,   // the snapshot and its token, alone: the verdict is fail
  notice,    // the snapshot alone; a warning will do, as it can be restored
  previous,  // the snapshot before it: the verdict is fail
  warning,   // with the one before it or the time: a warning, as the database is sound
  hash,      // the hash of the capture
  nothing,   // nothing here can: the bytes are those of a sound snapshot
};

std::string_view to_string(Needs needs);

struct Damage {
  std::string_view name;
  std::string_view group;
  std::string_view what;
  Needs needs;
  std::string_view why;  // where the content alone does not do
  /// Was the damage there when the hash was taken? Then the hash is that of the damage.
  bool captured;
  /// False when the snapshot has nothing that could be damaged so; then nothing was changed.
  bool (*apply)(Scene& scene);
};

const std::vector<Damage>& vocabulary();

// The parts of it, by what they work on.
std::vector<Damage> bit_damages();
std::vector<Damage> page_damages();
std::vector<Damage> row_damages();
std::vector<Damage> log_damages();
std::vector<Damage> file_damages();

}  // namespace damage
