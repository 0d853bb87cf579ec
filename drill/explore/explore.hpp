// A throwaway control plane to look into: one snapshot restored and ready, and one program of the user's beside it
// whose kubectl reaches it. What is written there is gone with it; nothing reaches the real cluster, nor anything else.
// The drill's room, without its proof: a snapshot that fails checks can be looked into as long as k3s starts on it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drill/candidate.hpp"
#include "drill/engine/control_plane.hpp"
#include "drill/sandbox/sandbox.hpp"
#include "verifier/verify.hpp"

namespace drill {

struct ExploreOptions {
  EngineSettings engine;
  std::chrono::milliseconds ready_timeout{std::chrono::minutes(5)};
  Caps caps;
  Controllers controllers = Controllers::off;
};

enum class ProgramKind { command, shell };

class Exploration {
 public:
  /// Fetches, verifies, restores and starts, until /readyz is ok. `on_phase` hears what begins.
  /// Throws: damaged when k3s does not come up on it; unreachable when it could not be tried; as fetch, choose_engine,
  /// Sandbox. Leaves: nothing.
  Exploration(const Candidate& candidate, const ExploreOptions& options,
              const std::function<void(std::string_view)>& on_phase);

  const EngineChoice& engine() const { return engine_; }
  const verifier::Verification& snapshot() const { return *verification_; }
  ApiClient& api() { return plane_->api(); }
  /// For what is served just after /readyz.
  MayRetry may_retry() { return plane_->retry_for(std::chrono::seconds(30)); }

  /// Runs `argv` on our terminal with KUBECONFIG and DRILL_SNAPSHOT set, until it ends; its exit code. In a known shell
  /// they are set once more after the user's start files.
  /// Throws: not_found, denied (it cannot be run); storage, cancelled.
  int run(ProgramKind kind, std::vector<std::string> argv);

  /// Ends it; what is left of it.
  std::vector<std::string> stop();

 private:
  std::string name_;
  Sandbox sandbox_;
  std::optional<verifier::Verification> verification_;
  EngineChoice engine_;
  std::optional<ControlPlane> plane_;
};

}  // namespace drill
