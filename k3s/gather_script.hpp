// What a node tells of its k3s, as shell text: for a pull by drill-node (which runs it), a pull by sqlite3 and a
// restore. It only gathers; k3s/told.hpp takes its lines, and the rest of that room reads them. What it does not do:
// understand a file. Where it must look for names, it finds too many rather than too few.
#pragma once

#include <string_view>

namespace k3s {

/// What every script of ours begins with: strict, private, in plain English, and with the usual directories in PATH.
inline constexpr std::string_view kScriptPrologue = R"sh(
set -u
umask 077
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
)sh";

/// The shell function tell_k3s: says `fact told ...` lines about $data_dir and $config_file, the last of them `whole`.
/// For dash, bash and busybox, under `set -u`.
extern const std::string_view kTellFunctions;

/// Shell functions for looking at a node: size_of FILE, free_in DIRECTORY (bytes), start_of PID (ticks since boot),
/// resolved PATH (without links).
extern const std::string_view kNodeFunctions;

}  // namespace k3s
