// What a node says keeps it from being pulled, as an error with its cure. The words are here, the looking is in
// remote_script.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace puller {

/// The error for a `problem CODE DETAIL` line, told to `user`. Unknown codes become an error that shows them.
/// `restore_command`: what gives a lost database back; empty when nothing does.
core::Error node_problem(std::string_view code_and_detail, const std::string& user, std::string_view host,
                         std::string_view restore_command = {});

/// The error for a k3s whose database is no SQLite file: of which kind, and which file says so.
core::Error external_datastore(std::string_view kind, std::string_view file, std::string_view host);

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

}  // namespace puller
