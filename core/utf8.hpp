// UTF-8, character by character, and how wide it is on a terminal.
// Between any text and who cuts, measures or escapes it. Whatever its bytes are, no function here throws.
// What it does not do: decide what may be shown; that is core/printable.hpp's.
#pragma once

#include <cstddef>
#include <string_view>

namespace core {

/// The length of the valid character at the start of `text`, 1 to 4 bytes; 0 where there is none.
/// Source: Unicode 15, table 3-7: no overlong forms, no surrogates, nothing beyond U+10FFFF.
std::size_t utf8_length(std::string_view text);

/// Of one valid character.
char32_t code_point(std::string_view character);

/// How many columns `text` takes on a terminal: two for wide characters, none for what joins the one before. A byte
/// that is no character counts as one.
std::size_t columns_of(std::string_view text);

/// The beginning of `text` that fits so many columns; no character is cut in two.
std::string_view first_columns(std::string_view text, std::size_t columns);

}  // namespace core
