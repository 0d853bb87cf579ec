#include "k3s/environment.hpp"

#include <algorithm>

namespace k3s {

std::string_view leading_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto fits = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  if (text.empty() || !letter(text.front())) return {};
  const auto end = std::find_if_not(text.begin(), text.end(), fits);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

bool is_variable_name(std::string_view text) { return !text.empty() && leading_name(text).size() == text.size(); }

std::string value_of(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second.text;
}

}  // namespace k3s
