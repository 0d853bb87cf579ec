// The POSIX shell text that runs on the node as root: looks at the node, makes the copy inside one read transaction,
// streams it (frames.hpp). It reads its own end from stdin: when that closes, it stops and cleans up.
// What it leaves on the node: nothing; while it copies, one directory <data-dir>/server/db/.k3s-drill-* (0700).
// What it does not do: write into the database, checkpoint it, or remove its -wal or -shm.
#pragma once

#include <string>
#include <string_view>

#include "puller/frames.hpp"
#include "puller/gather_script.hpp"
#include "puller/target.hpp"

namespace puller {

/// Shell functions for looking at a node: size_of FILE, free_in DIRECTORY (bytes), start_of PID (ticks since boot),
/// resolved PATH (without links).
extern const std::string_view kNodeFunctions;

/// `text` as one word of a shell, in single quotes.
std::string quoted(const std::string& text);

/// `text` as one word of a shell, in quotes where it needs them.
std::string shell_word(const std::string& text);

/// The command line for the node's login shell: a root shell that reads its script from stdin.
std::string root_shell_command();

/// The script itself. Nothing in it is secret.
std::string remote_script(const Target& target, Errand errand);

}  // namespace puller
