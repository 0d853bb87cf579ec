// A root shell on a node: how it is asked for, and what to do where there is none.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace ssh {

/// The command line for the node's login shell: a root shell that reads its script from stdin.
std::string root_shell_command();

/// The error for a root shell that never said hello: what sudo, or the login shell, had to say.
core::Error no_root_shell(const std::string& user, const std::string& host, std::string_view error_output,
                          std::optional<int> exit_status);

/// What sudo said in `error_output`; empty when it did not speak.
std::string words_of_sudo(std::string_view error_output);

/// The line of sudoers that is enough for all that is ever done on a node: the first one of the README.
std::string root_shell_line(const std::string& user);

/// The end of a message (docs/messages.md): the command that has sudo on the node allow what `line` says.
std::string sudoers_cure(const std::string& line);

/// The last line of `text` that is not empty, without control characters.
std::string last_line(std::string_view text);

}  // namespace ssh
