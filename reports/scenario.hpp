// Cases and what came of them: drill scenario, for a person, as k3s-drill/scenario/1, and as JUnit XML for a CI.
#pragma once

#include <string>
#include <vector>

#include "reports/page.hpp"
#include "scenarios/runner.hpp"

namespace reports {

std::string scenario_list_text(const std::vector<scenarios::Case>& cases, const Page& page);
std::string scenario_list_json(const std::vector<scenarios::Case>& cases);

/// Title, story and the steps, as the file has them.
std::string scenario_show_text(const scenarios::Case& one, const Page& page);

/// One line for a case; below one that failed, what was not as expected and where to look.
std::string scenario_line(const scenarios::CaseResult& result, const Page& page);

/// The last lines: how many, the slowest, and how to run again what failed.
std::string scenario_summary(const std::vector<scenarios::CaseResult>& results, std::chrono::nanoseconds duration,
                             const Page& page);

std::string scenario_json(const std::vector<scenarios::CaseResult>& results, std::chrono::nanoseconds duration);

/// JUnit XML as CI servers read it: a testcase for each case and run. Source: the schema of Apache Ant's junitreport.
std::string scenario_junit(const std::vector<scenarios::CaseResult>& results, std::chrono::nanoseconds duration);

/// A game day: what would have happened, what it would have cost, what to do about it.
std::string game_day_text(const std::string& snapshot, const std::vector<scenarios::CaseResult>& results,
                          const Page& page);

}  // namespace reports
