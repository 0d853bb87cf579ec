#include "tests/k3s/told_of.hpp"

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return at < bytes.size() ? static_cast<unsigned>(static_cast<unsigned char>(bytes[at])) : 0U;
    };
    const unsigned group = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) text += digits[group >> shift & 63U];
    if (i + 1 >= bytes.size()) text[text.size() - 2] = '=';
    if (i + 2 >= bytes.size()) text[text.size() - 1] = '=';
  }
  return text;
}

k3s::Told told_of(const std::vector<std::pair<std::string, std::string>>& files, const Lines& lines) {
  k3s::Told told;
  for (const auto& [name, text] : files) {
    told.add(name);
    for (std::size_t at = 0; at < text.size(); at += 57) told.add("text " + base64(text.substr(at, 57)));
  }
  for (const std::string& line : lines) told.add(line);
  told.add("whole");
  return told;
}
