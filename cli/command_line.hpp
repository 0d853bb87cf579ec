// The command line: every command with its options, and what one line says. What stands behind the first "--" belongs
// to a program that the command runs, or is an argument whatever it looks like. What it does not do: run anything
// before act().
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/command.hpp"

namespace cli {

class CommandLine {
 public:
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// `words`: what stands behind the program's name. Once. Throws: usage.
  void parse(const std::vector<std::string>& words);

  /// As far as they were parsed.
  const Globals& globals() const { return globals_; }

  /// The commands and options as declared.
  const CLI::App& app() const { return app_; }

  /// Runs the command that was parsed, or shows the help that was asked for; the exit code. Throws: what the command
  /// does.
  int act() const;

 private:
  Globals globals_;
  bool json_ = false;
  Words found_;
  CLI::App app_;
  std::map<const CLI::App*, Action> actions_;
};

}  // namespace cli
