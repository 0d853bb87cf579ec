#include "tests/cli/canary.hpp"

#include "core/file.hpp"
#include "core/sha256.hpp"
#include "tests/verifier/bundle_maker.hpp"

namespace canary {
namespace {

constexpr std::size_t kPeriod = 12;

std::string hex(std::string_view bytes, std::string_view digits) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

std::string replaced(std::string text, char what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, 1, with);
  return text;
}

}  // namespace

Canary::Canary(std::string place) : place_(std::move(place)) {
  const std::string period = "z/9+" + core::sha256_hex(place_).substr(0, kPeriod - 4);
  for (int i = 0; i < 3; ++i) text_ += period;  // so that any piece of two periods holds a whole one
  const std::string piece = period.substr(0, 8);
  forms_ = {{"it is", piece},
            {"hex", hex(piece, "0123456789abcdef")},
            {"HEX", hex(piece, "0123456789ABCDEF")},
            {"a URL", replaced(replaced(piece, '/', "%2F"), '+', "%2B")},
            {"a url", replaced(replaced(piece, '/', "%2f"), '+', "%2b")},
            {"JSON", replaced(piece, '/', "\\/")}};
  for (std::size_t before = 0; before < 3; ++before) {
    // The digits that only the canary decides: not the first, which other bytes are part of.
    const std::string digits = base64(std::string(before, '\0') + text_);
    forms_["base64 after " + std::to_string(before)] = digits.substr(before + 1, 12);
  }
}

std::vector<std::string> found_in(std::string_view text, const std::vector<Canary>& canaries) {
  std::vector<std::string> found;
  for (const Canary& canary : canaries)
    for (const auto& [name, form] : canary.forms())
      if (text.find(form) != std::string_view::npos) found.push_back(canary.place() + " as " + name);
  return found;
}

std::vector<std::string> found_below(const std::filesystem::path& directory, const std::vector<Canary>& canaries) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file() || name.starts_with("state.db") || name == "token") continue;
    for (const std::string& what : found_in(core::read_file(entry.path()), canaries))
      found.push_back(entry.path().string() + ": " + what);
  }
  return found;
}

}  // namespace canary
