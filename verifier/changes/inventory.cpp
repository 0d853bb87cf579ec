#include "verifier/changes/inventory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "core/cancel.hpp"
#include "core/edit_distance.hpp"
#include "core/error.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/kine/rows.hpp"
#include "verifier/kine/sqlite.hpp"
#include "verifier/objects/object.hpp"

namespace verifier {
namespace {

constexpr std::size_t kNearNames = 5;
constexpr std::size_t kOtherPlace = 3;  // in letters
constexpr std::size_t kCompared = 64;   // bytes of a name; a key may be as long as a file
// '0' is the byte after '/'; a name that is a BLOB is none, as for k3s.
constexpr std::string_view kNewestObjects =
    "SELECT k.id, k.name, k.value FROM (SELECT max(id) AS id FROM main.kine NOT INDEXED WHERE name > '/registry/' AND "
    "name < '/registry0' GROUP BY name COLLATE BINARY) m JOIN main.kine k ON k.id = m.id WHERE k.deleted = 0";
constexpr std::string_view kKeys =
    "SELECT id, name FROM main.kine NOT INDEXED WHERE name > '/registry/' AND name < '/registry0' ORDER BY id";

core::Revision newest_revision(Database& database) {
  return {query_integer(database, "SELECT max(id) FROM main.kine").value_or(0)};
}

// What a value says of itself; nothing when it is sealed or does not decode.
StoredObject look_into(std::string_view value) {
  if (is_sealed(value)) return {};
  try {
    return decode_object(value);
  } catch (const core::Error&) {
    return {};
  }
}

void add_object(Inventory& inventory, const Statement& row) {
  const std::string_view name = row.bytes(1);
  const ParsedKey key = parse_key(name);
  if (key.kind != KeyKind::object || !is_plain_text(name)) return;
  const std::string_view value = row.bytes(2);
  const StoredObject stored = look_into(value);
  if (stored.uid.empty() && !is_sealed(value)) ++inventory.undecodable;
  TextStore& text = *inventory.text;
  const std::string_view kept = text.keep(name);
  const KeyIdentity identity = parse_key(kept).identity;
  const std::string resource = resource_name(identity, stored.api_version);
  // Most objects have their resource's name in their key; a group has to be kept with it.
  const std::string_view last = inventory.objects.empty() ? std::string_view() : inventory.objects.back().resource;
  inventory.keys.push_back(kept);
  inventory.objects.push_back({last == resource ? last : text.keep(resource),
                               identity.namespace_name,
                               identity.name,
                               text.keep(stored.uid),
                               {row.integer(0)},
                               text.keep(stored.api_version)});
}

void sort_by_key(Inventory& inventory) {
  if (std::is_sorted(inventory.keys.begin(), inventory.keys.end())) return;
  std::vector<std::size_t> order(inventory.keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return inventory.keys[a] < inventory.keys[b]; });
  Inventory sorted;
  for (const std::size_t at : order) {
    sorted.keys.push_back(inventory.keys[at]);
    sorted.objects.push_back(inventory.objects[at]);
  }
  inventory.keys = std::move(sorted.keys);
  inventory.objects = std::move(sorted.objects);
}

ObjectRow read_row(Database& database, core::Revision id) {
  Statement row(database, fmt::format("SELECT name, created, deleted, prev_revision, value, old_value FROM main.kine "
                                      "WHERE id = {}",
                                      id.value));
  ObjectRow result;
  if (!row.step())
    throw core::Error(core::ErrorKind::damaged, fmt::format("row {} is gone while it is read", id.value));
  result.revision = id;
  result.key = row.bytes(0);
  result.kind = row.integer(2) == 1 ? RowKind::deleted : row.integer(1) == 1 ? RowKind::created : RowKind::changed;
  result.prev_revision = {row.integer(3)};
  const bool deleted = result.kind == RowKind::deleted;
  const std::string_view value = row.bytes(deleted && row.bytes(4).empty() ? 5 : 4);
  const StoredObject stored = look_into(value);
  result.uid = stored.uid;
  result.api_version = stored.api_version;
  if (deleted) return result;
  result.timestamp = stored.newest_change;
  result.size_bytes = value.size();
  return result;
}

}  // namespace

Inventory read_inventory(const std::filesystem::path& path) {
  Database database(path);
  Inventory inventory;
  inventory.revision = newest_revision(database);
  inventory.compact_revision = compact_revision_of(database);
  Statement rows(database, kNewestObjects);
  while (rows.step()) {
    core::throw_if_cancelled();
    add_object(inventory, rows);
  }
  sort_by_key(inventory);
  return inventory;
}

ObjectRows read_rows_of(const std::filesystem::path& path, const ObjectName& name) {
  Database database(path);
  ObjectRows result;
  result.revision = newest_revision(database);
  result.compact_revision = compact_revision_of(database);
  std::vector<core::Revision> ids;
  Statement keys(database, kKeys);
  while (keys.step())
    if (name.may_mean(keys.bytes(1))) ids.push_back({keys.integer(0)});
  for (const core::Revision id : ids) {
    core::throw_if_cancelled();
    ObjectRow row = read_row(database, id);
    if (name.fits(row.key, row.api_version)) result.rows.push_back(std::move(row));
  }
  return result;
}

std::vector<std::string> near_names(const std::filesystem::path& path, const ObjectName& name) {
  const Inventory inventory = read_inventory(path);
  const ParsedKey key = parse_key(name.key);
  const std::string_view plural = key.kind == KeyKind::object ? key.identity.plural : name.plural;
  const std::string_view space = key.kind == KeyKind::object ? key.identity.namespace_name : name.namespace_name;
  const std::string_view requested =
      std::string_view(key.kind == KeyKind::object ? key.identity.name : name.name).substr(0, kCompared);
  std::set<std::pair<std::size_t, std::string>> found;
  for (const Object& object : inventory.objects) {
    const bool same_kind = is_resource(object.resource, plural);
    const bool same_space = object.namespace_name == space;
    const bool same_name = object.name.substr(0, kCompared) == requested;
    if (same_kind + same_space + same_name < 2) continue;
    // Another kind or namespace is further off than a letter or two.
    const std::size_t rank = same_name ? kOtherPlace : core::edit_distance(object.name.substr(0, kCompared), requested);
    found.emplace(rank, printable(object_path(object.resource, object.namespace_name, object.name)));
    if (found.size() > kNearNames) found.erase(std::prev(found.end()));
  }
  std::vector<std::string> names;
  for (const auto& [rank, near] : found) names.push_back(near);
  return names;
}

}  // namespace verifier
