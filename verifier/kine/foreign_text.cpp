#include "verifier/kine/foreign_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/printable.hpp"
#include "core/utf8.hpp"

namespace verifier {
namespace {

constexpr std::size_t kShownBytes = 300;

// The length of the valid, printable character at the start of `text`; 0 when there is none.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x20 || first == 0x7f) return 0;
  const std::size_t length = core::utf8_length(text);
  if (length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) return 0;  // C1 control characters
  return length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto eight_ascii = [](const char* at) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, sizeof eight);
    return (eight & 0x8080808080808080U) == 0;
  };
  while (!text.empty()) {
    while (text.size() >= 8 && eight_ascii(text.data())) text.remove_prefix(8);
    while (!text.empty() && static_cast<unsigned char>(text.front()) < 0x80) text.remove_prefix(1);
    if (text.empty()) return true;
    const std::size_t length = core::utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_plain_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    if (shown.size() >= kShownBytes) return shown + "...";
    const std::size_t length = std::max<std::size_t>(1, core::utf8_length(text));
    shown += core::printable(text.substr(0, length));
    text.remove_prefix(length);
  }
  return shown;
}

}  // namespace verifier
