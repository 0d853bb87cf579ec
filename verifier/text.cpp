#include "verifier/text.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace verifier {
namespace {

constexpr std::size_t kShownBytes = 300;

// The length of the valid character at the start of `text`; 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t at = 1; at < length; ++at)
    if ((byte(at) & 0xc0U) != 0x80U) return 0;
  const unsigned char second = byte(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90)) return 0;  // overlong
  if ((first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f)) return 0;  // surrogates, too large
  return length;
}

// The length of the valid, printable character at the start of `text`; 0 when there is none.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x20 || first == 0x7f) return 0;
  const std::size_t length = utf8_length(text);
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
    const std::size_t length = utf8_length(text);
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
  constexpr std::string_view digits = "0123456789abcdef";
  std::string shown;
  while (!text.empty()) {
    if (shown.size() >= kShownBytes) return shown + "...";
    const std::size_t length = character_length(text);
    if (length == 0) {
      const auto byte = static_cast<unsigned char>(text.front());
      shown.append("\\x");
      shown += digits[byte >> 4U];
      shown += digits[byte & 15U];
      text.remove_prefix(1);
      continue;
    }
    shown.append(text.substr(0, length));
    text.remove_prefix(length);
  }
  return shown;
}

}  // namespace verifier
