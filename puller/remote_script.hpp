// The POSIX shell text that runs on the node as root: looks at the node, makes the copy inside one read transaction,
// streams it (frames.hpp). It reads its own end from stdin: when that closes, it stops and cleans up.
// What it leaves on the node: nothing; while it copies, one directory <data-dir>/server/db/.k3s-drill-* (0700).
// What it does not do: write into the database, checkpoint it, or remove its -wal or -shm.
#pragma once

#include <string>
#include <string_view>

#include "puller/target.hpp"

namespace puller {

/// The script itself. Nothing in it is secret.
std::string remote_script(const Target& target, RequestKind kind);

}  // namespace puller
