// Why a host refuses a sandbox, and what to do about it: the kernel only says EPERM, and its settings say the rest.
// They are read and never set. What it does not do: try anything; that is what the sandbox has just done.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace drill {

/// One line with the cause and its cure, for user `uid`, who was refused while `doing` something with `errno_value`.
/// `root`: where /proc and the marks of a container are looked for.
std::string why_no_sandbox(std::string_view doing, int errno_value, uid_t uid, const std::filesystem::path& root = "/");

}  // namespace drill
