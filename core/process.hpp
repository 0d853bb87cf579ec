// One external command, run to its end with its output captured. The door to Boost.Process.
// Used for docker and other host tools; the engine inside the sandbox is started by drill/sandbox/sandbox.cpp.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace core {

struct Command {
  std::vector<std::string> argv;  // argv[0] is a path, or a name looked up in PATH
  std::chrono::milliseconds timeout{std::chrono::seconds(30)};
};

struct CommandResult {
  int exit_code = 0;
  std::string out;
  std::string err;
};

/// Runs `command` with an empty stdin. A non-zero exit code is a result, not an error.
/// Throws: not_found (no such program), timeout, cancelled. Leaves: no child.
CommandResult run_command(const Command& command);

/// A child that runs beside us: its stdin and its output (stdout and stderr as one) are pipes of ours.
/// Killed and reaped on destruction; dies with us even when we are killed.
class Child {
 public:
  /// Throws: not_found (no such program), storage.
  explicit Child(const std::vector<std::string>& argv);
  Child(Child&&) noexcept;
  ~Child();

  int stdin_fd() const;
  int output_fd() const;
  void close_stdin();
  /// Writes all of `bytes` to its stdin. Throws: timeout when it takes none of them for that long, cancelled, storage.
  void write(std::string_view bytes, std::chrono::milliseconds patience);
  int pid() const;
  /// Exit code once it has ended: 0..255, or 128 + the signal that ended it.
  std::optional<int> exit_code();
  void kill() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The absolute path of `name` in PATH, or empty.
std::string find_program(const std::string& name);

}  // namespace core
