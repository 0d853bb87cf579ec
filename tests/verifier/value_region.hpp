// Names the part of a stored value that a byte lies in: "metadata.annotations", "ConfigMap data", "an event's message".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pages {

std::string name_value_region(std::string_view key, std::string_view value, std::uint64_t at);

}  // namespace pages
