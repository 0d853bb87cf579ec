// A Unix socket of this machine behind which one port of a node lies, as seen from the node itself: its API server lets
// us in whatever the node's firewall says. Used by a restore; a pull needs none.
// What it does not do: speak TLS or HTTP, or share one ssh session among threads (libssh cannot).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "ssh/target.hpp"

namespace ssh {

class Tunnel {
 public:
  /// Listens from now on, for this user alone. The node is connected anew for each who comes; when it cannot be, he is
  /// sent away. Only so many are served at once; others wait. Throws: storage.
  Tunnel(Target target, std::string host, unsigned port);
  Tunnel(Tunnel&&) noexcept;
  ~Tunnel();  // ends every connection

  const std::filesystem::path& socket() const;

 private:
  struct Pump;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ssh
