#include "cli/drill_history.hpp"

#include "core/error.hpp"
#include "core/log.hpp"

namespace cli {

std::optional<reports::DrillHistory> note_drill(store::Store& store, const std::string& cluster,
                                                const drill::DrillReport& report) {
  reports::DrillHistory history;
  try {
    history = reports::read_history(store.drills(cluster));
  } catch (...) {
    const core::Error error = core::caught();
    core::log_warning("the history of drills cannot be read, and this one is not in it: " + std::string(error.what()));
    return std::nullopt;
  }
  reports::add_drill(history, reports::record_of(report));
  reports::assess(history);
  try {
    store.note_drill(cluster, reports::to_line(history.records.back()));
  } catch (...) {
    const core::Error error = core::caught();
    core::log_warning("this drill is not in the history: " + std::string(error.what()));
  }
  return history;
}

}  // namespace cli
