// Environment variables as a service is given them, and the words of a command line in which they stand.
// Shared by the readers of systemd's and OpenRC's files. What it does not do: read any file.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace k3s {

/// A value, and the file that gives it.
struct Value {
  std::string text;
  std::string file;
};

using Environment = std::map<std::string, Value, std::less<>>;

/// How k3s is started, as far as the files of its service say.
struct Start {
  std::vector<std::string> words;  // the first is the program; empty: not known
  std::string file;                // that says so
  Environment environment;
};

/// Whether `text` may be the name of a variable.
bool is_variable_name(std::string_view text);

/// The variable that `text` begins with; empty: none.
std::string_view leading_name(std::string_view text);

std::string value_of(const Environment& environment, std::string_view name);

}  // namespace k3s
