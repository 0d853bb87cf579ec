// How unlike two names are, and what somebody may have meant who typed one that is not known.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace core {

/// Levenshtein's distance: how many characters have to be put in, taken out or replaced to make `b` of `a`.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The one of `known` that is most like `word`, as a slip of the pen makes it; empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// "did you mean edge?"; when none of `known` is near, `otherwise`.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known, std::string_view otherwise);

}  // namespace core
