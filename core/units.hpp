// Durations and sizes as people write them, with their unit: in the config, in cases and on the command line.
// What it does not do: say which of them are sensible.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace core {

/// "500ms", "90s", "10m", "36h", "7d", "0s"; empty when it is no duration, or one of more than a century.
std::optional<std::chrono::nanoseconds> read_duration(std::string_view text);

/// "512B", "64KiB", "2GiB" in bytes; empty when it is no size.
std::optional<std::uint64_t> read_size(std::string_view text);

}  // namespace core
