// The file system inside the sandbox: one private tmpfs that is everything there is to write to, and in it, read-only,
// the host's programs and libraries, a few devices, and a /proc and /sys of the sandbox's own.
// The host's other files (its /etc, /var, /run, /home, sockets, disks) are not there. It knows nothing of engines.
#pragma once

#include <cstdint>

#include "core/fd.hpp"

namespace drill {

/// Where the host's whole tree lies, read-only, until leave_host().
inline constexpr const char* kHost = "/host";

/// In a mount namespace of this process's own: builds the new root and enters it. `size_bytes`: the tmpfs' at most.
/// Throws: Failure.
void build_root(std::uint64_t size_bytes);

/// A tmpfs that is mounted nowhere: whoever has the descriptor has the only path to it. Throws: Failure.
core::Fd make_hidden_directory(std::uint64_t size_bytes);

/// In a process that is about to become the engine: out of its sight for good goes the host's tree. Throws: Failure.
void leave_host();

}  // namespace drill
