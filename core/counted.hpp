// A number of things, as English says it: for every text that a person reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace core {

/// "1 snapshot", "2 snapshots"; `plural` where it is not made with an s.
std::string counted(std::uint64_t count, std::string_view singular, std::string_view plural = {});

}  // namespace core
