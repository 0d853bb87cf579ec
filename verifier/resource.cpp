#include "verifier/resource.hpp"

#include <array>
#include <utility>
#include <vector>

namespace verifier {
namespace {

constexpr std::string_view kPrefix = "/registry/";

std::vector<std::string_view> split(std::string_view text) {
  constexpr std::size_t longest = 5;  // one more than any form has
  std::vector<std::string_view> parts;
  while (parts.size() < longest) {
    const std::size_t at = text.find('/');
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + 1);
  }
  return parts;
}

bool is_internal(const std::vector<std::string_view>& parts) {
  if (parts.size() == 1) return parts[0] == "health";
  return parts[0] == "ranges" || parts[0] == "masterleases" || parts[0] == "peerserverleases";
}

std::string_view plural_of(std::string_view stored) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> exceptions{
      {{"minions", "nodes"}, {"controllers", "replicationcontrollers"}, {"ingress", "ingresses"}}};
  for (const auto& [from, to] : exceptions)
    if (stored == from) return to;
  return stored;
}

}  // namespace

ParsedKey parse_key(std::string_view key) {
  if (!key.starts_with(kPrefix)) return {};
  std::vector<std::string_view> parts = split(key.substr(kPrefix.size()));
  if (is_internal(parts)) return {KeyKind::internal, {}};
  for (const std::string_view part : parts)
    if (part.empty()) return {KeyKind::malformed, {}};
  KeyIdentity identity;
  std::size_t at = 0;
  if (parts[0].find('.') != std::string_view::npos) {
    identity.group = parts[at++];
  } else if (parts[0] == "services" && parts.size() > 1) {
    ++at;  // services/specs/... and services/endpoints/...
  }
  if (at >= parts.size()) return {KeyKind::malformed, {}};
  identity.plural =
      at == 1 && identity.group.empty() ? (parts[1] == "specs" ? "services" : parts[1]) : plural_of(parts[at]);
  ++at;
  const std::size_t left = parts.size() - at;
  if (left != 1 && left != 2) return {KeyKind::malformed, {}};
  if (left == 2) identity.namespace_name = parts[at];
  identity.name = parts.back();
  return {KeyKind::object, identity};
}

std::string resource_name(const KeyIdentity& identity, std::string_view api_version) {
  std::string_view group = identity.group;
  if (group.empty()) {
    const std::size_t slash = api_version.find('/');
    if (slash != std::string_view::npos) group = api_version.substr(0, slash);
  }
  std::string name(identity.plural);
  if (!group.empty()) name.append(".").append(group);
  return name;
}

}  // namespace verifier
