// Words for a POSIX shell, whatever is in them. What it does not do: split or read what a shell is given
// (k3s/shell_file).
#pragma once

#include <string>

namespace core {

/// `text` as one word of a shell, in single quotes.
std::string shell_quoted(const std::string& text);

/// `text` as one word of a shell, in quotes where it needs them: as one would type it.
std::string shell_word(const std::string& text);

}  // namespace core
