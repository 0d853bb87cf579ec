// k3s's flags as it reads them: those of a command line and of a config file are one list, in which later ones win.
// Between the readers of each kind of file and settings.hpp. What it does not do: know what a flag means.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace k3s {

/// A flag by its long name, and the file that gives it.
struct Flag {
  std::string name;
  std::string value;
  std::string file;
};

/// "d" is "data-dir": the long name of a flag. Source: k3s-io/k3s pkg/cli/cmds/server.go.
std::string long_name(std::string_view name);

/// The flags among `words`, the first of which is the program.
/// Source: Go's package flag: one dash or two, a value behind "=" or as the next word.
std::vector<Flag> flags_of(const std::vector<std::string>& words, const std::string& file);

}  // namespace k3s
