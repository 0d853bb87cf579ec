// The history of drills as JSON and as text: below a run, and for `drill report history`. Fields: docs/json.md.
// What it does not do: reckon (history/history.hpp).
#pragma once

#include <string>
#include <vector>

#include "history/history.hpp"
#include "reports/page.hpp"

namespace reports {

std::string with_history(const std::string& run_json,
                         const history::DrillHistory& history);  // k3s-drill/run/2, "history" set
/// What `drill run` says of it, below its own text.
std::string history_lines(const history::DrillHistory& history, const Page& page);

struct ClusterHistory {
  std::string cluster;
  history::DrillHistory history;
};

std::string history_json(const std::vector<ClusterHistory>& clusters);  // k3s-drill/history/2
std::string history_text(const std::vector<ClusterHistory>& clusters, const Page& page);

}  // namespace reports
