// How much of the host an engine may use up, and which of it ran out. Between config and the sandboxes.
// What it does not hold: time, which is DrillOptions::ready_timeout.
#pragma once

#include <cstdint>
#include <string_view>

namespace drill {

struct Caps {
  std::uint64_t memory_bytes = 4ULL << 30U;  // of all its processes, and of the files in the sandbox
  std::uint64_t pids = 4096;                 // processes and threads
};

enum class Cap { memory, pids };

/// The name of its config key.
constexpr std::string_view to_string(Cap cap) { return cap == Cap::memory ? "caps.memory" : "caps.pids"; }

}  // namespace drill
