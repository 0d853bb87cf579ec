// One ssh connection to a node: options, host key, login, commands run on it, connections made from it. The door to
// libssh. First thing a pull makes and last thing it lets go of. Host keys are checked strictly and never accepted
// here. However long nobody uses it, a session answers the node that asks whether we are there, and shows that we are.
// What it does not do: connect again when it is lost, know what the commands are for, or ask a person anything.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/fd.hpp"
#include "ssh/target.hpp"

namespace ssh {

/// What has gone over the channels, headers of ssh and TCP not counted.
struct Traffic {
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
};

/// A command on the node. Destruction closes its channel: it then reads the end of its stdin, and its writes fail.
class Command {
 public:
  Command(Command&&) noexcept;
  ~Command();

  /// From then on reading and writing throw timeout, whatever still comes: a command that never falls silent has no end
  /// otherwise. `within` is for the message.
  void finish_by(std::chrono::steady_clock::time_point deadline, std::chrono::seconds within);

  /// Sends all of `bytes` to the command's stdin. Throws: unreachable, timeout, cancelled.
  void write(std::string_view bytes);

  /// Up to `size_bytes` of the command's stdout, as soon as there is any; 0 at its end.
  /// Throws: unreachable (connection lost), timeout (silence longer than the idle timeout), cancelled.
  std::size_t read(char* buffer, std::size_t size_bytes);

  /// The last lines of the command's stderr so far, at most 4 KiB.
  std::string_view error_output() const;

  const std::string& user() const;
  const std::string& peer() const;

  /// Exit status after the end of stdout; empty when the command was ended by a signal or the node did not say.
  std::optional<int> exit_status();

 private:
  friend class Session;
  struct State;
  explicit Command(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A TCP connection that the node makes for us.
class Relay {
 public:
  Relay(Relay&&) noexcept;
  ~Relay();

  /// Carries bytes between the connection and `local`, a stream socket, until either of them ends. Throws: unreachable,
  /// cancelled.
  void pump(const core::Fd& local);

 private:
  friend class Session;
  struct State;
  explicit Relay(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Session {
 public:
  /// Connects, checks the host key, logs in.
  /// Throws: unreachable, denied (host key, with the fingerprint and the command that accepts it; login, with what
  /// was tried), timeout, cancelled, usage (an ssh config that cannot be read).
  explicit Session(const Target& target);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const std::string& user() const;
  const std::string& peer() const;  // "ubuntu@10.0.0.2 port 22", for messages
  const Traffic& traffic() const;
  bool is_connected() const;  // as far as the node, or the kernel, has said by now

  /// Starts `command_line` in the login shell of the node. The session must outlive the command.
  Command start(const std::string& command_line);

  /// Connects the node to `host` and `port`, as seen from it. The session must outlive the relay. Throws: denied (the
  /// node's sshd forwards nothing), unreachable (nothing listens there), timeout, cancelled.
  Relay connect(const std::string& host, unsigned port);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace ssh
