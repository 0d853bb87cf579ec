// One external command, run to its end with its output captured. The door to Boost.Process.
// Used for docker and other host tools; the engine inside the sandbox is started by drill/sandbox.cpp.
#pragma once

#include <chrono>
#include <string>
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

/// The absolute path of `name` in PATH, or empty.
std::string find_program(const std::string& name);

}  // namespace core
