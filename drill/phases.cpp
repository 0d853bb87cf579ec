#include "drill/phases.hpp"

#include <algorithm>
#include <array>

namespace drill {

std::vector<Phase> all_phases(std::vector<Phase> reached) {
  constexpr std::array<std::string_view, 12> names{"select",    "fetch", "verify", "place", "start",   "datastore",
                                                   "bootstrap", "ready", "list",   "prove", "control", "teardown"};
  std::vector<Phase> ordered;
  for (const std::string_view name : names) {
    const auto found = std::find_if(reached.begin(), reached.end(), [&](const Phase& now) { return now.name == name; });
    if (found != reached.end()) {
      ordered.push_back(std::move(*found));
      continue;
    }
    const auto start = ordered.empty() ? std::chrono::nanoseconds(0) : ordered.back().start + ordered.back().duration;
    ordered.push_back({std::string(name), start, {}, core::CheckVerdict::skipped, {}});
  }
  return ordered;
}

}  // namespace drill
