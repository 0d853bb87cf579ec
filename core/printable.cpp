#include "core/printable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/utf8.hpp"

namespace core {
namespace {

// The eight bytes at `at` are ASCII without control characters.
bool eight_are_plain(const char* at) {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  constexpr std::uint64_t tops = 0x8080808080808080U;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  const std::uint64_t del = bytes ^ (ones * 0x7fU);
  const std::uint64_t suspect = bytes | ((bytes - ones * 0x20U) & ~bytes) | ((del - ones) & ~del);
  return (suspect & tops) == 0;
}

// How much of the beginning of `text` is ASCII without control characters.
std::size_t plain_length(std::string_view text) {
  std::size_t length = 0;
  while (text.size() - length >= 8 && eight_are_plain(text.data() + length)) length += 8;
  while (length < text.size() && text[length] >= 0x20 && text[length] < 0x7f) ++length;
  return length;
}

// Goes through `text`: what is printable is kept, for all else `escape` (of a character, or of a byte that is none) is
// written.
template <class Escape>
std::string escaped(std::string_view text, Escape&& escape) {
  std::string result;
  result.reserve(text.size());
  while (true) {
    const std::size_t plain = plain_length(text);
    result += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return result;
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(1, length));
    if (length > 0 && !is_unprintable(code_point(character)))
      result += character;
    else
      result += escape(character, length > 0);
    text.remove_prefix(character.size());
  }
}

std::string escape_sequence(std::string_view character, bool valid) {
  const auto first = static_cast<unsigned char>(character.front());
  if (first == '\n') return "\\n";
  if (first == '\r') return "\\r";
  if (first == '\t') return "\\t";
  if (!valid || first < 0x80) return fmt::format("\\x{:02x}", first);
  const auto point = static_cast<std::uint32_t>(code_point(character));
  return point < 0x10000 ? fmt::format("\\u{:04x}", point) : fmt::format("\\U{:08x}", point);
}

std::string json_escape(std::string_view character, bool valid) {
  if (!valid) return "\\ufffd";
  if (character == "\n") return "\n";
  const auto point = static_cast<std::uint32_t>(code_point(character));
  if (point < 0x10000) return fmt::format("\\u{:04x}", point);
  return fmt::format("\\u{:04x}\\u{:04x}", 0xd7c0 + (point >> 10U), 0xdc00 + (point & 0x3ffU));
}

}  // namespace

// Source: Unicode 15, PropList.txt (Bidi_Control), DerivedCoreProperties.txt (Default_Ignorable_Code_Point). The
// joiners U+200C and U+200D are parts of words and emoji, and so are variation selectors: they stay.
bool is_unprintable(char32_t point) {
  if (point < 0xa0) return point < 0x20 || point >= 0x7f;
  const auto within = [point](char32_t first, char32_t last) { return point >= first && point <= last; };
  return point == 0xad || point == 0x61c || within(0x115f, 0x1160) || within(0x17b4, 0x17b5) || point == 0x180e ||
         point == 0x200b || within(0x200e, 0x200f) || within(0x2028, 0x202e) || within(0x2060, 0x206f) ||
         point == 0x3164 || point == 0xfeff || point == 0xffa0 || within(0xfff0, 0xfffb) ||
         (point & 0xfffeU) == 0xfffe || within(0x1bca0, 0x1bca3) || within(0x1d173, 0x1d17a) ||
         within(0xe0000, 0xe00ff) || within(0xe01f0, 0xe0fff);
}

std::string printable(std::string_view text) { return escaped(text, escape_sequence); }

std::string printable_lines(std::string_view text) {
  return escaped(text, [](std::string_view character, bool valid) {
    return character == "\n" ? std::string(character) : escape_sequence(character, valid);
  });
}

std::string printable_json(std::string_view json) { return escaped(json, json_escape); }

}  // namespace core
