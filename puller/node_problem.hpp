// What a node says keeps it from being pulled, as an error with its cure. The words are here, the looking is in
// remote_script.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace puller {

/// The error for a `problem CODE DETAIL` line. Unknown codes become an error that shows them.
core::Error node_problem(std::string_view code_and_detail, std::string_view host);

/// The error for a k3s whose database is no SQLite file: of which kind, and which file says so.
core::Error external_datastore(std::string_view kind, std::string_view file, std::string_view host);

/// The error for a root shell that never said hello: what sudo, or the login shell, had to say.
core::Error no_root_shell(const std::string& user, const std::string& host, std::string_view error_output,
                          std::optional<int> exit_status);

/// The last line of `text` that is not empty, without control characters.
std::string last_line(std::string_view text);

}  // namespace puller
