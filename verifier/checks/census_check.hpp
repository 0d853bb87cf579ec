// Check `census`: how many objects there are, against the snapshot before. A sound copy of a cluster that somebody has
// just emptied is a sound copy; whoever keeps copies wants to know before the good ones are gone.
// Counts only: which object went is what `drill diff` says.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "verifier/checks/check.hpp"
#include "verifier/checks/verification.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {

/// A kind that lost so much of its objects, and at least `kFewObjects`, is a warning; all objects together, an error.
inline constexpr double kShrunkKind = 0.4;
inline constexpr double kMassDeletion = 0.5;
inline constexpr std::uint64_t kFewObjects = 10;

/// Live objects by what their keys alone say. Events and leases come and go, and are left out.
struct KeyCensus {
  std::uint64_t total = 0;
  std::map<std::string, std::uint64_t> by_plural;
  std::map<std::string, std::uint64_t> by_namespace;
};

/// Hands on every key below /registry/ whose newest row is not deleted. Throws: as Statement.
void for_each_live_key(Database& database, const std::function<void(std::string_view)>& take);

/// Whether that is a loss: by so much of a share, and by more than a few.
bool shrank(std::uint64_t now, std::uint64_t then, double share);

/// Throws: as Statement.
KeyCensus read_key_census(Database& database);
KeyCensus key_census_of(const ObjectList& objects);

void check_census(const KeyCensus& now, const KeyCensus& then, const std::string& name, CheckBuilder& check);

}  // namespace verifier
