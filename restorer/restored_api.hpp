// The API server of a node that was just restored: waits for it, compares what it serves, sees that it stays.
// Reaches it through ssh, with the admin's kubeconfig of the node itself.
// What it does not do: start or stop anything.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "drill/proof/proof.hpp"
#include "restorer/node.hpp"
#include "ssh/tunnel.hpp"

namespace restorer {

class RestoredApi {
 public:
  /// Both must outlive it.
  RestoredApi(Node& node, const ScriptFacts& facts) : node_(node), facts_(facts) {}

  /// Throws: timeout, storage when k3s ended, damaged when it cannot open the database; with the last complaint in its
  /// log.
  void wait_until_ready(std::chrono::milliseconds timeout);

  /// What is served as of `revision` against the snapshot. Throws: unreachable, timeout, damaged, cancelled.
  drill::Equality prove(const verifier::Verification& snapshot, core::Revision revision);

  /// Sees that the same process serves until `duration` has passed since it was ready. Throws: storage when not.
  void stay_ready(std::chrono::milliseconds duration);

 private:
  void connect();
  void check_alive();

  Node& node_;
  const ScriptFacts& facts_;
  std::optional<ssh::Tunnel> tunnel_;  // ends after the client
  std::optional<drill::ApiClient> api_;
  std::chrono::steady_clock::time_point ready_at_;
  std::string holders_;
  bool has_kubeconfig_ = false;
  int stopped_looks_ = 0;
};

}  // namespace restorer
