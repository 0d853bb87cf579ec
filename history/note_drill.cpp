#include "history/note_drill.hpp"

#include "core/error.hpp"
#include "core/logging.hpp"

namespace history {

std::optional<DrillHistory> note_drill(store::Store& store, const std::string& cluster,
                                       const drill::DrillReport& report) {
  DrillHistory history;
  try {
    history = read_history(store.drills(cluster));
  } catch (...) {
    const core::Error error = core::caught();
    core::log_warning("the history of drills cannot be read, and this one is not in it: " + std::string(error.what()));
    return std::nullopt;
  }
  add_drill(history, record_of(report));
  assess(history);
  try {
    store.note_drill(cluster, to_line(history.records.back()));
  } catch (...) {
    const core::Error error = core::caught();
    core::log_warning("this drill is not in the history: " + std::string(error.what()));
  }
  return history;
}

}  // namespace history
