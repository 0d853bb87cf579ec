// An ssh-agent as a session may see it: libssh offers whatever keys an agent lists, so this stands between them and
// lists those that ssh would offer, in ssh's order. What it does not do: log in, or hold a private key.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "core/fd.hpp"
#include "ssh/options.hpp"

namespace ssh {

class AgentView {
 public:
  /// Of the agent at `socket`: first its keys that are among `requested` (public keys as ssh sends them), in their
  /// order, then, if they are offered, the others. No keys when nothing answers there.
  AgentView(const std::string& socket, const std::vector<std::string>& requested, OtherKeys others);
  AgentView(AgentView&&) = delete;
  ~AgentView();

  const std::vector<std::string>& keys() const { return keys_; }

  /// The end that a client of an agent speaks to. Once.
  core::Fd take_client_end() { return std::move(client_end_); }

 private:
  void serve() const;

  core::Fd agent_;
  core::Fd client_end_;
  core::Fd server_end_;
  std::vector<std::string> keys_;
  std::string list_;  // the answer to who asks for them
  std::thread server_;
};

}  // namespace ssh
