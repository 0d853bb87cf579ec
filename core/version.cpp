#include "core/version.hpp"

#include <charconv>

namespace core {
namespace {

// Takes a number from the beginning of `text`; false when there is none.
bool take_number(std::string_view& text, unsigned& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_dot(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<Version> parse_version(std::string_view text, std::string_view* rest) {
  if (text.starts_with('v')) text.remove_prefix(1);
  Version version;
  if (!take_number(text, version.major) || !take_dot(text) || !take_number(text, version.minor) || !take_dot(text) ||
      !take_number(text, version.patch))
    return std::nullopt;
  if (rest != nullptr) *rest = text;
  return version;
}

std::optional<unsigned> kubernetes_minor(std::string_view version) {
  unsigned minor = 0;
  if (!version.starts_with("v1.")) return std::nullopt;
  version.remove_prefix(3);
  return take_number(version, minor) ? std::optional(minor) : std::nullopt;
}

}  // namespace core
