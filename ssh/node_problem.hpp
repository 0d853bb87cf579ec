// What a node says keeps it from being pulled, as an error with its cure. The words are here, the looking is in
// puller/remote_script.cpp and puller/node/look.cpp.
#pragma once

#include <string>
#include <string_view>

#include "core/error.hpp"

namespace ssh {

/// The error for a `problem CODE DETAIL` line, told to `user`. Unknown codes become an error that shows them.
/// `restore_command`: what gives a lost database back; empty when nothing does.
core::Error node_problem(std::string_view code_and_detail, const std::string& user, std::string_view host,
                         std::string_view restore_command = {});

/// The error for a k3s whose database is no SQLite file: of which kind, and which file says so.
core::Error external_datastore(std::string_view kind, std::string_view file, std::string_view host);

}  // namespace ssh
