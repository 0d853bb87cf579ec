// How unlike two names are, for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace core {

/// Levenshtein's distance: how many characters have to be put in, taken out or replaced to make `b` of `a`.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace core
