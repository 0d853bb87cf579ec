// What differs between two snapshots: objects created, changed, recreated and deleted, matched by their keys.
// Pure: two inventories in, a list out. What it does not do: look into values; a changed object is one whose newest row
// is another one.
#pragma once

#include <string_view>
#include <vector>

#include "verifier/changes/inventory.hpp"

namespace verifier {

/// recreated: the same key with another uid; the object was deleted and made anew between the two.
enum class ChangeKind { created, changed, recreated, deleted };

std::string_view to_string(ChangeKind kind);

/// Pointers into the two inventories, which must outlive it.
struct Change {
  ChangeKind kind = ChangeKind::changed;
  std::string_view key;
  const Object* before = nullptr;  // of all but created
  const Object* after = nullptr;   // of all but deleted

  /// As it is now, or was last.
  const Object& object() const { return after != nullptr ? *after : *before; }
};

struct Difference {
  std::vector<Change> changes;                   // ordered by key
  std::vector<std::string_view> namespaces_new;  // Namespace objects created, by name
  std::vector<std::string_view> namespaces_gone;
  /// kube-system has another uid: the two are of different clusters, or one was made anew.
  bool other_cluster = false;
};

/// Which objects are of interest; an empty list means all.
struct DifferenceFilter {
  std::vector<std::string> namespaces;
  std::vector<std::string> resources;  // "pods", "deployments" or "deployments.apps", as full_resource() gives them

  bool wants(const Object& object) const;
};

/// From `before` to `after`.
Difference compare(const Inventory& before, const Inventory& after, const DifferenceFilter& filter = {});

/// Events and leases come and go all the time and say little.
bool is_noise(std::string_view resource);

}  // namespace verifier
