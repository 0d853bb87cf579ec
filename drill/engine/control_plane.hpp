// One restored control plane, from placing its database to its end: the engine, its log, and its API once it is ready.
// A drill, the damaged twin and an exploration each hold one. What it does not do: check what the API serves.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/secret.hpp"
#include "drill/engine/api.hpp"
#include "drill/engine/boot.hpp"
#include "drill/engine/engine.hpp"
#include "drill/engine/engine_log.hpp"
#include "drill/engine/patience.hpp"

namespace drill {

class ControlPlane {
 public:
  /// `sandbox` outlives it. Throws: denied, unreachable.
  ControlPlane(const EngineChoice& choice, Sandbox& sandbox) : engine_(make_engine(choice, sandbox)) {}

  /// Throws: damaged when what was placed is not what was given; storage, cancelled.
  void place(const RestoreSet& restore);

  /// Starts it and follows it until it is ready. What kept it from that is in the result. Throws: cancelled.
  BootResult start(std::chrono::milliseconds ready_timeout, const std::function<void(std::string_view)>& on_phase);

  /// When start() has made it ready.
  ApiClient& api() { return *api_; }
  Engine& engine() { return *engine_; }

  /// While it lives, for up to `patience` from now, after pauses that grow from 20 to 250 ms.
  MayRetry retry_for(std::chrono::seconds patience);

  /// How it ended, in its own words; empty while it lives.
  std::optional<std::string> death();

  /// Takes in what its log says by now; as death(). For one that waits for something else. Throws: cancelled.
  std::optional<std::string> look();

  /// Waits until `deadline` unless it dies earlier: then as death(). Throws: cancelled.
  std::optional<std::string> watch_until(std::chrono::steady_clock::time_point deadline);

  /// Ends it at once; what is left of it.
  std::vector<std::string> stop();

 private:
  std::unique_ptr<Engine> engine_;
  core::Secret secret_;  // that no line of the log may show
  std::optional<EngineLog> log_;
  std::optional<ApiClient> api_;
};

}  // namespace drill
