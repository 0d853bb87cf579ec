// What a shell makes of a file that sets variables, as OpenRC's script of a service does and the files that it reads.
// Pure. What it does not do: run anything, take a branch, or know a function from the lines around it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "k3s/environment.hpp"

namespace k3s {

/// The text of a file by its path; empty when it is not known.
using FindText = std::function<std::optional<std::string>(const std::string& path)>;

/// A shell's variables: all of them, and which of them a program is given.
struct ShellState {
  Environment variables;
  Environment exported;
  bool exports_all = false;  // `set -o allexport`
};

/// Takes what `text`, the content of `file`, sets into `state`; files that it reads with `.` come from `find`.
void read_shell_file(const std::string& text, const std::string& file, const FindText& find, ShellState& state);

/// `text` as a shell splits a command line.
std::vector<std::string> shell_words(std::string_view text, const Environment& variables);

/// How OpenRC starts a service, by the text of its script. Variables of conf.d come first.
/// Source: k3s's install.sh, create_openrc_service_file; openrc-run(8).
Start openrc_start(const std::string& script, const std::string& file, const FindText& find);

}  // namespace k3s
