// The inside of the sandbox: builds the namespaces, then serves the drill as their init.
// Runs in forked processes of its own; returns never.
#pragma once

#include "core/fd.hpp"
#include "drill/sandbox/caps.hpp"
#include "drill/sandbox/cgroup.hpp"

namespace drill {

/// Runs in a fresh child of the drill: enters new namespaces, forks their init, waits for it.
/// Tells `socket`: "outside PID" (of the init, as the host counts) and "inside" (the tmpfs directory attached), or
/// "failed ERRNO WHAT". The init then serves "start\0NAME\0PATH\0ARG..." (output pipe attached), "socket",
/// "terminate" and "kill", answers "done" (with a socket attached) or "failed", and tells "exited CODE SIGNAL" on its
/// own. Leaves: `cgroup` removed, also when the drill has been killed.
[[noreturn]] void run_sandbox(core::Fd socket, const Caps& caps, Cgroup& cgroup);

}  // namespace drill
