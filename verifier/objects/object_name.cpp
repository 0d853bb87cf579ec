#include "verifier/objects/object_name.hpp"

#include <array>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "verifier/kine/foreign_text.hpp"

namespace verifier {
namespace {

constexpr std::string_view kRegistry = "/registry/";

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw core::Error(core::ErrorKind::usage, "'" + printable(text) + "' " + std::string(why) +
                                                ": say RESOURCE/NAMESPACE/NAME (secrets/shop/db, "
                                                "deployments.apps/shop/web), RESOURCE/NAME (namespaces/shop), or the "
                                                "key (/registry/...)");
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find('/');
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// Source: kubectl api-resources of v1.37; singulars are the names without their plural's ending.
std::string_view plural_of(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 23> short_names{{
      {"cj", "cronjobs"},
      {"cm", "configmaps"},
      {"crd", "customresourcedefinitions"},
      {"deploy", "deployments"},
      {"ds", "daemonsets"},
      {"ep", "endpoints"},
      {"ev", "events"},
      {"hpa", "horizontalpodautoscalers"},
      {"ing", "ingresses"},
      {"limits", "limitranges"},
      {"netpol", "networkpolicies"},
      {"no", "nodes"},
      {"ns", "namespaces"},
      {"pdb", "poddisruptionbudgets"},
      {"po", "pods"},
      {"pv", "persistentvolumes"},
      {"pvc", "persistentvolumeclaims"},
      {"quota", "resourcequotas"},
      {"rs", "replicasets"},
      {"sa", "serviceaccounts"},
      {"sc", "storageclasses"},
      {"sts", "statefulsets"},
      {"svc", "services"},
  }};
  for (const auto& [from, to] : short_names)
    if (word == from) return to;
  constexpr std::array<std::string_view, 32> plurals{"clusterrolebindings",
                                                     "clusterroles",
                                                     "configmaps",
                                                     "controllerrevisions",
                                                     "cronjobs",
                                                     "customresourcedefinitions",
                                                     "daemonsets",
                                                     "deployments",
                                                     "endpointslices",
                                                     "events",
                                                     "ingresses",
                                                     "jobs",
                                                     "leases",
                                                     "limitranges",
                                                     "namespaces",
                                                     "networkpolicies",
                                                     "nodes",
                                                     "persistentvolumeclaims",
                                                     "persistentvolumes",
                                                     "poddisruptionbudgets",
                                                     "pods",
                                                     "priorityclasses",
                                                     "replicasets",
                                                     "replicationcontrollers",
                                                     "resourcequotas",
                                                     "rolebindings",
                                                     "roles",
                                                     "secrets",
                                                     "serviceaccounts",
                                                     "services",
                                                     "statefulsets",
                                                     "storageclasses"};
  for (const std::string_view plural : plurals) {
    const std::string_view stem = plural.substr(0, plural.size() - 1);
    if (word == stem || (plural.ends_with("ses") && word == plural.substr(0, plural.size() - 2))) return plural;
    if (plural.ends_with("ies") && word == std::string(plural.substr(0, plural.size() - 3)) + "y") return plural;
  }
  return word;
}

std::string_view group_of(std::string_view api_version) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

}  // namespace

bool ObjectName::may_mean(std::string_view candidate) const {
  if (!key.empty()) return candidate == key;
  const ParsedKey parsed = parse_key(candidate);
  if (parsed.kind != KeyKind::object) return false;
  const KeyIdentity& identity = parsed.identity;
  return identity.name == name && identity.namespace_name == namespace_name && identity.plural == plural &&
         (group.empty() || identity.group.empty() || identity.group == group);
}

bool ObjectName::fits(std::string_view candidate, std::string_view api_version) const {
  if (!key.empty() || group.empty() || api_version.empty()) return true;
  return !parse_key(candidate).identity.group.empty() || group_of(api_version) == group;
}

ObjectName parse_object_name(std::string_view text) {
  ObjectName result;
  if (text.empty()) refuse(text, "names no object");
  if (!is_plain_text(text)) refuse(text, "holds bytes that are in no name");
  if (text.starts_with('/')) {
    const KeyKind kind = parse_key(text).kind;
    if (!text.starts_with(kRegistry) || kind == KeyKind::malformed) refuse(text, "is no key of an object");
    if (kind == KeyKind::internal) refuse(text, "is a key that Kubernetes keeps for itself, not an object's");
    result.key = text;
    return result;
  }
  const std::vector<std::string_view> parts = split(text);
  if (parts.size() < 2 || parts.size() > 3) refuse(text, "is no object's name");
  for (const std::string_view part : parts)
    if (part.empty()) refuse(text, "leaves a part empty");
  const std::string resource = full_resource(parts.front());
  const std::size_t dot = resource.find('.');
  result.plural = resource.substr(0, dot);
  if (dot != std::string::npos) result.group = resource.substr(dot + 1);
  if (parts.size() == 3) result.namespace_name = parts[1];
  result.name = parts.back();
  return result;
}

std::string object_path(std::string_view resource, std::string_view namespace_name, std::string_view name) {
  std::string path(resource);
  if (!namespace_name.empty()) path.append("/").append(namespace_name);
  return path.append("/").append(name);
}

std::string full_resource(std::string_view resource) {
  const std::size_t dot = resource.find('.');
  std::string full(plural_of(resource.substr(0, dot)));
  if (dot != std::string_view::npos) full.append(resource.substr(dot));
  return full;
}

bool is_resource(std::string_view resource, std::string_view requested) {
  return resource == requested || (requested.find('.') == std::string_view::npos && resource.starts_with(requested) &&
                                   resource.substr(requested.size()).starts_with('.'));
}

}  // namespace verifier
