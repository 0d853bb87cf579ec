#include "verifier/checks/references_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "verifier/kine/foreign_text.hpp"

namespace verifier {
namespace {

constexpr std::string_view kDefinitions = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

const Name* find_live(const Names& names, const std::string& key) {
  const Name* name = names.find(key);
  return name != nullptr && name->live ? name : nullptr;
}

// The API server refuses to delete the two namespaces, and makes the service again as soon as it runs.
void check_required(const Names& names, CheckBuilder& check) {
  for (const char* key : {"/registry/namespaces/default", "/registry/namespaces/kube-system"})
    if (find_live(names, key) == nullptr)
      check.add({core::Severity::error, "an object that every cluster has is missing", key, {}});
  constexpr const char* kService = "/registry/services/specs/default/kubernetes";
  if (find_live(names, kService) == nullptr)
    check.add({core::Severity::warning,
               "the service of the API itself is missing: somebody deleted it, and k3s makes it again when it starts",
               kService,
               {}});
}

// A namespace that is finalized by hand goes before what is in it (kubernetes#77086). A row that was lost looks the
// same once its tombstone may have been compacted; only the snapshot before tells, which is lineage's to say.
void check_namespaces(const Verification& result, const Names& names, CheckBuilder& check) {
  for (const auto& [name, count] : result.census.by_namespace) {
    const std::string key = "/registry/namespaces/" + name;
    const Name* known = names.find(key);
    if (known != nullptr && known->live) continue;
    const std::string how =
        known != nullptr && known->tombstone
            ? fmt::format("it was deleted at revision {} without them, as by a finalize that did not wait",
                          known->newest.value)
            : std::string(
                  "it was finalized before they were deleted, or its row is lost, which only the snapshot before "
                  "tells");
    check.add({core::Severity::warning,
               fmt::format("the namespace is missing, but {} objects are in it: {}. k3s starts and serves them; to "
                           "delete them, make the namespace again and delete it",
                           count, how),
               printable(key),
               {}});
  }
}

// "example.io" of a definition "things.example.io" and of an APIService "v1.example.io".
std::string_view group_of(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

// What a pass over the names says of the custom resources and of who defines and announces them.
struct CustomResources {
  std::map<std::string, std::uint64_t> by_definition;  // "things.example.io"
  std::set<std::string, std::less<>> defined;          // groups that a definition is left of
  std::set<std::string, std::less<>> announced;        // groups that have an APIService

  explicit CustomResources(const Names& names);
};

CustomResources::CustomResources(const Names& names) {
  for (const Name& name : names.all()) {
    if (!name.live || name.kind != KeyKind::object) continue;
    const KeyIdentity identity = parse_key(name.text).identity;
    if (identity.group.empty()) continue;
    if (identity.group == "apiextensions.k8s.io") {
      defined.emplace(group_of(identity.name));
    } else if (identity.group == "apiregistration.k8s.io") {
      announced.emplace(group_of(identity.name));
    } else {
      ++by_definition[std::string(identity.plural) + "." + std::string(identity.group)];
    }
  }
}

// Kubernetes deletes the objects of a definition before the definition, unless somebody takes its finalizer away
// (kubernetes#60538). With the definition it takes away the APIService that announces it: where that is left, nobody
// deleted the definition.
void check_definitions(const Names& names, CheckBuilder& check) {
  const CustomResources custom(names);
  for (const auto& [definition, count] : custom.by_definition) {
    const std::string key = std::string(kDefinitions) + definition;
    const Name* known = names.find(key);
    if (known != nullptr && known->live) continue;
    const std::string_view group = group_of(definition);
    const bool lost = known == nullptr && custom.announced.count(group) != 0 && custom.defined.count(group) == 0;
    check.add(
        lost ? core::Finding{core::Severity::error,
                             fmt::format("the definition of {} custom resources is lost, so that no API serves them: "
                                         "an APIService still announces {}, as it does not when one is deleted",
                                         count, printable(group)),
                             printable(key),
                             {}}
             : core::Finding{core::Severity::warning,
                             fmt::format("the definition of {} custom resources was deleted, and they were not: they "
                                         "come back in the database, but no API shows or deletes them. They show again "
                                         "when the definition is made again; to be rid of them make it again, delete "
                                         "them, and then delete it",
                                         count),
                             printable(key),
                             {}});
  }
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
      check.add({core::Severity::warning,
                 fmt::format("the object has the same uid as {}: k3s serves both, but what goes by uids, such as "
                             "garbage collection, takes one for the other",
                             printable(at->second->text)),
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
