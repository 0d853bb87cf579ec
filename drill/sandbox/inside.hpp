// Files that an engine has made in its own file system, opened from outside. Their names are the engine's: no link is
// followed, nothing leads out of there, and what is no file or socket, or has no end, is refused.
// What it does not do: believe what is in them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/fd.hpp"

namespace drill {

/// The regular file `path` below the directory `root`, to be read; empty while there is none. Throws: as read_inside.
core::Fd file_inside(int root, const std::filesystem::path& path);

/// The content of the regular file `path` below the directory `root`, at most `limit_bytes`; empty while there is none.
/// Never waits. Throws: unreachable, naming the path, when it is something else, a link is in the way, or it is larger.
std::optional<std::string> read_inside(int root, const std::filesystem::path& path, std::size_t limit_bytes);

/// A handle of the socket `path` below `root`; it is connected to as "/proc/self/fd/N". Throws: as read_inside, and
/// when there is none.
core::Fd socket_inside(int root, const std::filesystem::path& path);

}  // namespace drill
