// Runs cases, each in a room of its own, side by side as far as the machine allows, and says what came of each.
// What it does not do: show it (reports/scenario_text.hpp), or know what a case is about.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "scenarios/case.hpp"
#include "scenarios/room.hpp"

namespace scenarios {

enum class Verdict { pass, fail, skip };

/// One command of a case, and what was not as expected.
struct CommandResult {
  Outcome outcome;
  std::vector<std::string> differences;
};

struct CaseResult {
  const Case* scenario = nullptr;
  Verdict verdict = Verdict::skip;
  std::string reason;  // of a skip, or of what kept a case from its end
  std::vector<CommandResult> commands;
  std::chrono::nanoseconds duration{0};
  std::filesystem::path folder;  // what is kept of it; empty when nothing is
};

struct RunOptions {
  Tools tools;
  std::size_t side_by_side = 1;
  bool keep = false;
  bool fail_fast = false;
  std::filesystem::path out;  // where the folders of what failed go
};

/// Why this case cannot be run here; empty when it can.
std::string unmet_need(const Case& one, const Tools& tools);

/// Runs them all. `began` and `ended` are called from one thread at a time.
/// Throws: cancelled.
std::vector<CaseResult> run_cases(const std::vector<Case>& cases, const RunOptions& options,
                                  const std::function<void(const Case&)>& began,
                                  const std::function<void(const CaseResult&)>& ended);

/// As many rooms as cores and memory allow.
std::size_t rooms_side_by_side();

}  // namespace scenarios
