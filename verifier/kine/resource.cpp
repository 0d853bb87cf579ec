#include "verifier/kine/resource.hpp"

#include <array>
#include <utility>

namespace verifier {
namespace {

constexpr std::string_view kPrefix = "/registry/";

// The segments of a key; one more than any form has is kept, so that a key too long shows.
struct Segments {
  std::array<std::string_view, 5> parts;
  std::size_t count = 0;

  explicit Segments(std::string_view text) {
    while (count < parts.size()) {
      const std::size_t at = text.find('/');
      parts[count++] = text.substr(0, at);
      if (at == std::string_view::npos) break;
      text.remove_prefix(at + 1);
    }
  }
  bool any_empty() const {
    for (std::size_t i = 0; i < count; ++i)
      if (parts[i].empty()) return true;
    return false;
  }
};

bool is_internal(const Segments& segments) {
  const std::string_view first = segments.parts[0];
  if (segments.count == 1) return first == "health";
  return first == "ranges" || first == "masterleases" || first == "peerserverleases";
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
  const Segments segments(key.substr(kPrefix.size()));
  if (is_internal(segments)) return {KeyKind::internal, {}};
  if (segments.any_empty()) return {KeyKind::malformed, {}};
  const auto& parts = segments.parts;
  KeyIdentity identity;
  std::size_t at = 1;  // where namespace or name begin
  if (parts[0].find('.') != std::string_view::npos) {
    identity.group = parts[0];
    identity.plural = parts[at++];
  } else if (parts[0] == "services") {  // services/specs/... and services/endpoints/...
    identity.plural = parts[1] == "specs" ? "services" : parts[1];
    ++at;
  } else {
    identity.plural = plural_of(parts[0]);
  }
  if (segments.count != at + 1 && segments.count != at + 2) return {KeyKind::malformed, {}};
  if (segments.count == at + 2) identity.namespace_name = parts[at];
  identity.name = parts[segments.count - 1];
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
