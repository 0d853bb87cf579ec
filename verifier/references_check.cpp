#include "verifier/references_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "verifier/text.hpp"

namespace verifier {
namespace {

constexpr std::string_view kDefinitions = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

const Name* find_live(const Names& names, const std::string& key) {
  const Name* name = names.find(key);
  return name != nullptr && name->live ? name : nullptr;
}

void check_required(const Names& names, CheckBuilder& check) {
  for (const char* key : {"/registry/namespaces/default", "/registry/namespaces/kube-system",
                          "/registry/services/specs/default/kubernetes"})
    if (find_live(names, key) == nullptr)
      check.add({core::Severity::error, "an object that every cluster has is missing", key, {}});
}

// Every namespace gets a service account and a root CA of its own, which go before it goes: where one is left, the
// namespace was not deleted.
void check_namespaces(const Verification& result, const Names& names, CheckBuilder& check) {
  for (const auto& [name, count] : result.census.by_namespace) {
    const std::string key = "/registry/namespaces/" + name;
    if (find_live(names, key) != nullptr) continue;
    const bool was_not_deleted = find_live(names, "/registry/serviceaccounts/" + name + "/default") != nullptr ||
                                 find_live(names, "/registry/configmaps/" + name + "/kube-root-ca.crt") != nullptr;
    check.add({was_not_deleted ? core::Severity::error : core::Severity::warning,
               fmt::format("the namespace is missing, but {} objects are in it", count),
               printable(key),
               {}});
  }
}

// Kubernetes deletes the objects of a definition before the definition.
void check_definitions(const Names& names, CheckBuilder& check) {
  std::map<std::string, std::uint64_t> without;  // by the definition's name
  std::map<std::string, bool> known;
  for (const Name& name : names.all()) {
    if (!name.live || name.kind != KeyKind::object) continue;
    const KeyIdentity identity = parse_key(name.text).identity;
    if (identity.group.empty() || identity.group == "apiextensions.k8s.io" ||
        identity.group == "apiregistration.k8s.io")
      continue;
    std::string definition = std::string(identity.plural) + "." + std::string(identity.group);
    const auto [at, is_new] = known.try_emplace(definition);
    if (is_new) at->second = find_live(names, std::string(kDefinitions) + definition) != nullptr;
    if (!at->second) ++without[std::move(definition)];
  }
  for (const auto& [definition, count] : without)
    check.add({core::Severity::error,
               fmt::format("the definition is missing of {} custom resources, which no API serves then", count),
               printable(std::string(kDefinitions) + definition),
               {}});
}

bool has_uid(const Name& name) { return name.live && name.kind == KeyKind::object && !name.uid.empty(); }

// Digests of them, in order.
std::vector<std::uint64_t> uids_of(const Names& names) {
  std::vector<std::uint64_t> uids;
  uids.reserve(names.all().size());
  for (const Name& name : names.all())
    if (has_uid(name)) uids.push_back(digest_of(name.uid));
  std::sort(uids.begin(), uids.end());
  return uids;
}

void check_uids(const std::vector<std::uint64_t>& uids, const Names& names, CheckBuilder& check) {
  std::map<std::uint64_t, const Name*> twice;  // the first object that has it
  for (std::size_t i = 1; i < uids.size(); ++i)
    if (uids[i] == uids[i - 1]) twice.emplace(uids[i], nullptr);
  if (twice.empty()) return;
  for (const Name& name : names.all()) {
    if (!has_uid(name)) continue;
    const auto at = twice.find(digest_of(name.uid));
    if (at == twice.end()) continue;
    if (at->second == nullptr) {
      at->second = &name;
    } else {
      check.add({core::Severity::error, fmt::format("the object has the same uid as {}", printable(at->second->text)),
                 printable(name.text), name.newest});
    }
  }
}

void check_owners(const std::vector<std::uint64_t>& uids, const Names& names, CheckBuilder& check) {
  for (const Name& name : names.all()) {
    if (!name.live || name.owner == 0 || std::binary_search(uids.begin(), uids.end(), name.owner)) continue;
    check.add({core::Severity::warning, "the object's owner is not there: garbage collection would delete it",
               printable(name.text), name.newest});
  }
}

}  // namespace

void check_references(const Verification& result, const Names& names, CheckBuilder& check) {
  check_required(names, check);
  check_namespaces(result, names, check);
  check_definitions(names, check);
  const std::vector<std::uint64_t> uids = uids_of(names);
  check_uids(uids, names, check);
  check_owners(uids, names, check);
  if (result.census.by_resource.count("nodes") == 0)
    check.warning("there is no node: nothing ever joined this cluster");
}

}  // namespace verifier
