// The one function that makes a text safe for a terminal, in three forms: a value in a line, lines, and JSON.
// Between any text (a node's, an engine's, a store's, a user's) and whatever shows it. What could steer a terminal,
// forge a line, or hide or turn around what is read is shown as an escape instead, never left out: control characters
// (C0, DEL, C1), marks that change the direction, line separators, characters that are not seen, bytes that are no
// UTF-8. All else stays as it is, and what is printable already comes back unchanged.
#pragma once

#include <string>
#include <string_view>

namespace core {

/// `text` as a part of one line: "\n", "\x1b" (a byte), "\u202e" (a character).
std::string printable(std::string_view text);

/// The same, but its new lines stay.
std::string printable_lines(std::string_view text);

/// `json` with the same values, written so that a terminal may show it: "\u009b". Bytes that are no UTF-8 become
/// U+FFFD.
std::string printable_json(std::string_view json);

/// Whether no terminal should be shown `point` as it is.
bool is_unprintable(char32_t point);

}  // namespace core
