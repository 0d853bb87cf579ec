// Foreign text on its way into a finding or a name: what may be shown, and what is shown instead.
// Keys, index names and SQLite's messages come out of untrusted files; reports print them as JSON and on terminals.
#pragma once

#include <string>
#include <string_view>

namespace verifier {

/// True for valid UTF-8 without control characters.
bool is_plain_text(std::string_view text);

/// True for valid UTF-8, whatever it says.
bool is_utf8(std::string_view text);

/// core::printable(), shortened to about 300 characters.
std::string printable(std::string_view text);

}  // namespace verifier
