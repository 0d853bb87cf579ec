// What is said about a snapshot: findings, the checks they belong to, and what was looked at.
// Produced by verifier and drill, turned into a verdict and into text by reports. Values only.
// A finding carries names, keys, sizes and hashes, never a value of an object or a secret.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/revision.hpp"

namespace core {

/// A note is to be known and is nothing wrong: an expiry date, a version.
enum class Severity { note, warning, error };

struct Finding {
  Severity severity = Severity::error;
  std::string message;
  std::optional<std::string> key;
  std::optional<Revision> revision;
};

enum class CheckVerdict { pass, fail, could_not_run, skipped };

std::string_view to_string(Severity severity);
std::string_view to_string(CheckVerdict verdict);

/// One named check and what it found. `verdict` is fail exactly when a finding of severity error is there,
/// unless the check could not run or was skipped; then one finding says why.
struct Check {
  std::string name;
  CheckVerdict verdict = CheckVerdict::pass;
  std::vector<Finding> findings;
  std::chrono::nanoseconds duration{0};
};

/// What was looked at, against what there was. Equal pairs mean complete.
struct Coverage {
  std::uint64_t pages_checked = 0;
  std::uint64_t pages_total = 0;
  std::uint64_t rows_checked = 0;
  std::uint64_t rows_total = 0;
  std::uint64_t objects_decoded = 0;
  std::uint64_t objects_total = 0;

  bool complete() const {
    return pages_checked == pages_total && rows_checked == rows_total && objects_decoded == objects_total;
  }
};

}  // namespace core
