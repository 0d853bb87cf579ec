#include "core/version.hpp"

#include <charconv>

namespace core {

std::optional<Version> parse_version(std::string_view text, std::string_view* rest) {
  if (text.starts_with('v')) text.remove_prefix(1);
  Version version;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (unsigned* number : {&version.major, &version.minor, &version.patch}) {
    if (number != &version.major && (at == end || *at++ != '.')) return std::nullopt;
    const auto [next, error] = std::from_chars(at, end, *number);
    if (error != std::errc()) return std::nullopt;
    at = next;
  }
  if (rest != nullptr) *rest = std::string_view(at, static_cast<std::size_t>(end - at));
  return version;
}

}  // namespace core
