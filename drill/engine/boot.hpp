// From the engine's start to its readiness: follows the log, asks /readyz, and tells which phase ended when.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/finding.hpp"
#include "drill/engine/api.hpp"
#include "drill/engine/engine.hpp"
#include "drill/engine/engine_log.hpp"

namespace drill {

/// The phases of a boot, in order: start, datastore, bootstrap, ready.
inline constexpr std::size_t kBootPhases = 4;
inline constexpr std::array<std::string_view, kBootPhases> kBootPhaseNames{"start", "datastore", "bootstrap", "ready"};

/// What is done within the phase `datastore`, as far as kine's log tells.
struct DatastoreSteps {
  std::optional<std::chrono::nanoseconds> schema;  // table and indexes
  std::optional<std::chrono::nanoseconds> vacuum;  // the startup VACUUM of kine >= 0.14.15
};

struct BootResult {
  std::array<EngineLog::Mark, kBootPhases> ended{};  // set for the phases that ended: when, and what the log said
  DatastoreSteps datastore;
  std::size_t phases_ended = 0;
  std::optional<core::Finding> failure;  // of the phase that did not end
  core::CheckVerdict failure_verdict = core::CheckVerdict::pass;
  std::optional<ApiClient> api;  // when ready; not beyond the engine and its log, which it reads while it waits
};

/// Follows the started `engine` until /readyz is ok, it dies, it has said three times that the database is none or is
/// damaged, or `timeout` has passed. `on_phase` hears each further phase begin. One that dies before it opened the
/// datastore could not be run; one that dies on the datastore, or cannot open it, has failed to restore. It may still
/// run then. Throws: cancelled.
BootResult boot(Engine& engine, EngineLog& log, std::chrono::milliseconds timeout,
                const std::function<void(std::string_view)>& on_phase);

}  // namespace drill
