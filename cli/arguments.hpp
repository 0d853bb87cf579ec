// The words of a command line, looked at before CLI11 takes them: which command they name, and whether each option is
// one of its own and has its value. What is wrong is said in the words of drill, with what may have been meant.
// What it does not do: check a value.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace cli {

// CLI11 2.1 takes some arguments for commands or for options, and loses its way at "--". So each argument has this mark
// in front, by which it is neither, and there is no "--".
inline constexpr char kArgument = '\x01';

struct Words {
  const CLI::App* command = nullptr;  // or the part of it ("report history") that is named; drill itself for none
  std::vector<std::string> words;     // for CLI11, in order
  std::vector<std::string> program;   // what stands behind "--", of a command that runs a program
  bool help = false;                  // is asked for, of `command`
  bool version = false;
};

/// Throws: usage.
Words look_at(const CLI::App& drill, const std::vector<std::string>& words);

}  // namespace cli
