#include "verifier/changes/difference.hpp"

#include <algorithm>

namespace verifier {
namespace {

std::string_view uid_of_kube_system(const Inventory& inventory) {
  constexpr std::string_view key = "/registry/namespaces/kube-system";
  const auto at = std::lower_bound(inventory.keys.begin(), inventory.keys.end(), key);
  if (at == inventory.keys.end() || *at != key) return {};
  return inventory.objects[static_cast<std::size_t>(at - inventory.keys.begin())].uid;
}

// Sealed or undecodable objects have no uid; then the revision alone tells whether they are the same.
ChangeKind kind_of(const Object& before, const Object& after) {
  const bool other = !before.uid.empty() && !after.uid.empty() && before.uid != after.uid;
  return other ? ChangeKind::recreated : ChangeKind::changed;
}

bool same(const Object& before, const Object& after) {
  return before.revision.value == after.revision.value && kind_of(before, after) == ChangeKind::changed;
}

}  // namespace

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::created:
      return "created";
    case ChangeKind::changed:
      return "changed";
    case ChangeKind::recreated:
      return "recreated";
    case ChangeKind::deleted:
      return "deleted";
  }
  return "changed";
}

bool DifferenceFilter::wants(const Object& object) const {
  const auto listed = [](const std::vector<std::string>& list, const auto& fits) {
    return list.empty() || std::any_of(list.begin(), list.end(), fits);
  };
  // A Namespace belongs to what is asked for by its name.
  const bool is_namespace = object.resource == "namespaces";
  return listed(namespaces,
                [&](const std::string& name) {
                  return object.namespace_name == name || (is_namespace && object.name == name);
                }) &&
         listed(resources, [&](const std::string& resource) { return is_resource(object.resource, resource); });
}

Difference compare(const Inventory& before, const Inventory& after, const DifferenceFilter& filter) {
  Difference result;
  const auto add = [&](ChangeKind kind, std::string_view key, const Object* old, const Object* now) {
    const Change change{kind, key, old, now};
    if (!filter.wants(change.object())) return;
    result.changes.push_back(change);
    if (change.object().resource != "namespaces") return;
    if (kind == ChangeKind::created) result.namespaces_new.push_back(change.object().name);
    if (kind == ChangeKind::deleted) result.namespaces_gone.push_back(change.object().name);
  };
  std::size_t a = 0;
  std::size_t b = 0;
  while (a < before.keys.size() || b < after.keys.size()) {
    const bool only_before = b == after.keys.size() || (a < before.keys.size() && before.keys[a] < after.keys[b]);
    const bool only_after = a == before.keys.size() || (b < after.keys.size() && after.keys[b] < before.keys[a]);
    if (only_before) {
      add(ChangeKind::deleted, before.keys[a], &before.objects[a], nullptr);
    } else if (only_after) {
      add(ChangeKind::created, after.keys[b], nullptr, &after.objects[b]);
    } else if (!same(before.objects[a], after.objects[b])) {
      add(kind_of(before.objects[a], after.objects[b]), after.keys[b], &before.objects[a], &after.objects[b]);
    }
    if (!only_after) ++a;
    if (!only_before) ++b;
  }
  const std::string_view old_uid = uid_of_kube_system(before);
  const std::string_view new_uid = uid_of_kube_system(after);
  result.other_cluster = !old_uid.empty() && !new_uid.empty() && old_uid != new_uid;
  return result;
}

bool is_noise(std::string_view resource) { return is_resource(resource, "events") || is_resource(resource, "leases"); }

}  // namespace verifier
