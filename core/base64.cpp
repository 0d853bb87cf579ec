#include "core/base64.hpp"

#include <algorithm>
#include <cstdint>

namespace core {
namespace {

int digit_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

std::optional<Secret> decode_base64(std::string_view text) {
  Secret decoded;
  decoded.resize(text.size() / 4 * 3 + 3);
  std::size_t written = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  std::uint32_t group = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    const int digit = c == '=' ? 0 : digit_of(c);
    if (digit < 0 || (padding > 0 && c != '=')) return std::nullopt;
    if (c == '=') ++padding;
    group = group << 6U | static_cast<std::uint32_t>(digit);
    if (++digits % 4 != 0) continue;
    if (padding > 2) return std::nullopt;
    for (int shift = 16; shift >= 0; shift -= 8)
      decoded.data()[written++] = static_cast<char>(group >> static_cast<unsigned>(shift) & 0xffU);
    if (padding > 0 && written < 3) return std::nullopt;
    group = 0;
  }
  if (digits % 4 != 0 || padding > 2) return std::nullopt;
  decoded.resize(written - padding);
  return decoded;
}

std::string encode_base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8U | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) text += i <= count ? digits[group >> (18 - 6 * i) & 63U] : '=';
  }
  return text;
}

}  // namespace core
