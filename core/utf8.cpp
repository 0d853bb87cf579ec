#include "core/utf8.hpp"

#include <algorithm>
#include <array>

namespace core {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

constexpr auto begins_later = [](char32_t point, const Range& range) { return point < range.first; };

// Source: Unicode 15, EastAsianWidth.txt (W and F) and emoji-data.txt (Emoji_Presentation), in blocks.
constexpr std::array<Range, 21> kWide{{{0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
                                       {0x2705, 0x2705},   {0x2728, 0x2728},   {0x274c, 0x274c},   {0x2e80, 0x303e},
                                       {0x3041, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
                                       {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
                                       {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x2fffd},
                                       {0x30000, 0x3fffd}}};

// Combining marks, joiners and variation selectors.
constexpr std::array<Range, 8> kJoining{{{0x0300, 0x036f},
                                         {0x1ab0, 0x1aff},
                                         {0x1dc0, 0x1dff},
                                         {0x200c, 0x200d},
                                         {0x20d0, 0x20ff},
                                         {0xfe00, 0xfe0f},
                                         {0xfe20, 0xfe2f},
                                         {0xe0100, 0xe01ef}}};

template <std::size_t N>
bool is_in(const std::array<Range, N>& ranges, char32_t point) {
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), point, begins_later);
  return behind != ranges.begin() && point <= std::prev(behind)->last;
}

std::size_t columns_of_character(std::string_view character) {
  if (character.size() == 1) return 1;
  const char32_t point = code_point(character);
  return is_in(kJoining, point) ? 0 : is_in(kWide, point) ? 2 : 1;
}

std::string_view first_character(std::string_view text) {
  return text.substr(0, std::max<std::size_t>(1, utf8_length(text)));
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
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

char32_t code_point(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first;
  char32_t point = first & (0x7fU >> character.size());
  for (const char c : character.substr(1)) point = point << 6U | (static_cast<unsigned char>(c) & 0x3fU);
  return point;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const std::string_view character = first_character(text);
    columns += columns_of_character(character);
    text.remove_prefix(character.size());
  }
  return columns;
}

std::string_view first_columns(std::string_view text, std::size_t columns) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view character = first_character(rest);
    const std::size_t width = columns_of_character(character);
    if (width > columns) break;
    columns -= width;
    rest.remove_prefix(character.size());
  }
  return text.substr(0, text.size() - rest.size());
}

}  // namespace core
