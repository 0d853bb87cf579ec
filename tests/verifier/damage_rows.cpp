// Rows that are gone, doubled or changed: what tools, hands and bugs do behind kine's back. SQLite finds nothing wrong.
#include <algorithm>
#include <map>
#include <set>

#include "tests/verifier/damage.hpp"
#include "tests/verifier/damage_tools.hpp"

namespace damage {
namespace {

constexpr const char* kDrop = "DELETE FROM kine WHERE id = ?1";
constexpr std::size_t kTail = 20;  // rows

bool is_live(const LogRow& row) { return row.live && row.is_object(); }
bool has_value(const LogRow& row, const Log&) { return is_live(row) && row.size_bytes > 32; }

bool drop_recent(Scene& scene) {
  return change_row(
      scene,
      [](const LogRow& row, const Log& log) {
        return is_live(row) && row.id > log.compact_revision && row.id != log.newest;
      },
      kDrop);
}

bool drop_old(Scene& scene) {
  return change_row(
      scene, [](const LogRow& row, const Log& log) { return is_live(row) && row.id <= log.compact_revision; }, kDrop);
}

bool drop_superseded(Scene& scene) {
  return change_row(
      scene, [](const LogRow& row, const Log& log) { return !row.newest && row.id > log.compact_revision; }, kDrop);
}

bool drop_tombstone(Scene& scene) {
  return change_row(
      scene,
      [](const LogRow& row, const Log& log) {
        return row.deleted && row.id > log.compact_revision && row.id != log.newest;
      },
      kDrop);
}

bool drop_tail_rows(Scene& scene, bool fix_sequence) {
  Surgery surgery(scene.database);
  const Log log = surgery.log();
  if (log.rows.size() <= kTail) return false;
  surgery.run("DELETE FROM kine WHERE id > ?1", {log.rows[log.rows.size() - 1 - kTail].id});
  if (fix_sequence) surgery.run("UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM kine) WHERE name = 'kine'");
  return true;
}

bool drop_tail(Scene& scene) { return drop_tail_rows(scene, false); }
bool drop_tail_fixed(Scene& scene) { return drop_tail_rows(scene, true); }

bool duplicate_row(Scene& scene) {
  return change_row(
      scene, [](const LogRow& row, const Log&) { return is_live(row) && row.created; },
      "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) "
      "SELECT name, created, deleted, create_revision, id, lease, value, old_value FROM kine WHERE id = ?1");
}

bool swap_values(Scene& scene) {
  Surgery surgery(scene.database);
  const Log log = surgery.log();
  const auto directory_of = [](const LogRow& row) { return row.name.substr(0, row.name.rfind('/')); };
  std::map<std::string, int> sizes;
  for (const LogRow& row : log.rows)
    if (is_live(row)) ++sizes[directory_of(row)];
  const LogRow* one = draw(scene, log, [&](const LogRow& row) { return is_live(row) && sizes[directory_of(row)] > 1; });
  if (one == nullptr) return false;
  const LogRow* two = draw(scene, log, [&](const LogRow& row) {
    return is_live(row) && row.id != one->id && directory_of(row) == directory_of(*one);
  });
  surgery.run(
      "UPDATE kine SET value = CASE id WHEN ?1 THEN (SELECT value FROM kine WHERE id = ?2) "
      "ELSE (SELECT value FROM kine WHERE id = ?1) END WHERE id IN (?1, ?2)",
      {one->id, two->id});
  return true;
}

bool truncate_value(Scene& scene) {
  return change_row(scene, has_value, "UPDATE kine SET value = substr(value, 1, length(value) / 2) WHERE id = ?1");
}
bool lose_last_byte(Scene& scene) {
  // JSON ends with a line feed that nobody misses.
  return change_row(scene, has_value,
                    "UPDATE kine SET value = substr(value, 1, length(value) - 1 - (substr(value, -1) = x'0a')) "
                    "WHERE id = ?1");
}
bool extend_value(Scene& scene) {
  return change_row(scene, has_value, "UPDATE kine SET value = CAST(value || x'07' AS BLOB) WHERE id = ?1");
}
bool empty_value(Scene& scene) { return change_row(scene, has_value, "UPDATE kine SET value = x'' WHERE id = ?1"); }
bool null_value(Scene& scene) { return change_row(scene, has_value, "UPDATE kine SET value = NULL WHERE id = ?1"); }
bool rename_key(Scene& scene) {
  return change_row(scene, has_value, "UPDATE kine SET name = name || 'x' WHERE id = ?1");
}

// Changes a text inside a live value that occurs once, by one of the same length.
bool change_text(Scene& scene, const std::function<std::string(const LogRow&, const std::string&)>& find) {
  Surgery surgery(scene.database);
  const Log log = surgery.log();
  for (int tries = 0; tries < 200; ++tries) {
    const LogRow* row = draw(scene, log, [&](const LogRow& one) { return has_value(one, log); });
    if (row == nullptr) return false;
    std::string value = surgery.bytes("SELECT value FROM kine WHERE id = ?1", row->id);
    const std::string text = find(*row, value);
    const std::size_t at = text.empty() ? std::string::npos : value.find(text);
    if (at == std::string::npos) continue;
    char& last = value[at + text.size() - 1];
    last = last == '0' ? '1' : '0';
    surgery.write("UPDATE kine SET value = ?2 WHERE id = ?1", value, row->id);
    return true;
  }
  return false;
}

bool change_name_inside(Scene& scene) {
  return change_text(scene,
                     [](const LogRow& row, const std::string&) { return row.name.substr(row.name.rfind('/') + 1); });
}

bool change_uid(Scene& scene) {
  const std::int64_t known = newest_of(scene.previous);
  return change_text(scene, [known](const LogRow& row, const std::string& value) -> std::string {
    if (row.id > known) return {};
    // Field 5 of the metadata: 36 characters.
    const std::size_t at = value.find("\x2a\x24");
    const bool uid = value.starts_with("k8s") && at != std::string::npos && at + 38 <= value.size() &&
                     value[at + 10] == '-' && value[at + 15] == '-';
    return uid ? value.substr(at + 2, 36) : std::string();
  });
}

bool drop_named(Scene& scene, const std::string& name) {
  return change_row(
      scene, [&](const LogRow& row, const Log&) { return row.live && row.name == name; }, kDrop);
}

bool drop_kube_system(Scene& scene) { return drop_named(scene, "/registry/namespaces/kube-system"); }

bool drop_namespace(Scene& scene) {
  return change_row(
      scene,
      [](const LogRow& row, const Log& log) {
        const std::string prefix = "/registry/namespaces/";
        if (!row.live || !row.name.starts_with(prefix) || row.id > log.compact_revision) return false;
        const std::string name = row.name.substr(prefix.size());
        return name != "kube-system" && name != "default" && name != "kube-node-lease" && name != "kube-public" &&
               std::any_of(log.rows.begin(), log.rows.end(), [&](const LogRow& one) {
                 return one.live && one.name == "/registry/serviceaccounts/" + name + "/default";
               });
      },
      kDrop);
}

// --- What a person or a program does by way of the API: the database stays sound ------------------------------------

bool delete_properly(Scene& scene, const std::function<bool(const LogRow&)>& fits, double share) {
  Surgery surgery(scene.database);
  const Log log = surgery.log();
  bool any = false;
  surgery.run("BEGIN");
  for (const LogRow& row : log.rows) {
    if (!is_live(row) || !fits(row) || static_cast<double>(scene.below(1000)) >= share * 1000) continue;
    surgery.run(
        "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) "
        "SELECT name, 0, 1, CASE WHEN created THEN id ELSE create_revision END, id, 0, NULL, value FROM kine "
        "WHERE id = ?1",
        {row.id});
    any = true;
  }
  surgery.run("COMMIT");
  return any;
}

bool vanish_namespace(Scene& scene) {
  std::set<std::string> names;
  for (const LogRow& row : Surgery(scene.database).log().rows)
    if (row.live && row.name.starts_with("/registry/configmaps/"))
      names.insert(row.name.substr(21, row.name.find('/', 21) - 21));
  for (const char* kept : {"default", "kube-system", "kube-public", "kube-node-lease"}) names.erase(kept);
  if (names.empty()) return false;
  const std::string name = *std::next(names.begin(), static_cast<std::ptrdiff_t>(scene.below(names.size())));
  return delete_properly(
      scene,
      [&](const LogRow& row) {
        return row.name.find("/" + name + "/") != std::string::npos || row.name == "/registry/namespaces/" + name;
      },
      1.0);
}

// "example.io" of "/registry/.../things.example.io"; empty for another key.
std::string group_of_definition(const LogRow& row) {
  const std::string prefix = "/registry/apiextensions.k8s.io/customresourcedefinitions/";
  if (!row.live || !row.name.starts_with(prefix)) return {};
  return row.name.substr(row.name.find('.', prefix.size()) + 1);
}

bool has_objects(const Log& log, const std::string& group) {
  return std::any_of(log.rows.begin(), log.rows.end(),
                     [&](const LogRow& row) { return row.live && row.name.starts_with("/registry/" + group + "/"); });
}

bool drop_definition(Scene& scene) {
  return change_row(
      scene,
      [](const LogRow& row, const Log& log) {
        const std::string group = group_of_definition(row);
        if (group.empty() || row.id > log.compact_revision || !has_objects(log, group)) return false;
        const auto of_group = [&](const LogRow& one) { return group_of_definition(one) == group; };
        const auto announces = [&](const LogRow& one) {
          return one.live && one.name.starts_with("/registry/apiregistration.k8s.io/apiservices/") &&
                 one.name.ends_with("." + group);
        };
        return std::count_if(log.rows.begin(), log.rows.end(), of_group) == 1 &&
               std::any_of(log.rows.begin(), log.rows.end(), announces);
      },
      kDrop);
}

bool delete_definition(Scene& scene) {
  std::string group;
  const Log log = Surgery(scene.database).log();
  const LogRow* definition = draw(scene, log, [&](const LogRow& row) {
    const std::string one = group_of_definition(row);
    return !one.empty() && has_objects(log, one);
  });
  if (definition == nullptr) return false;
  return delete_properly(
      scene,
      [&](const LogRow& row) {
        return row.name == definition->name || (row.name.starts_with("/registry/apiregistration.k8s.io/apiservices/") &&
                                                row.name.ends_with("." + group_of_definition(*definition)));
      },
      1.0);
}

bool finalize_namespace(Scene& scene) {
  std::set<std::string> names;
  for (const LogRow& row : Surgery(scene.database).log().rows)
    if (row.live && row.name.starts_with("/registry/serviceaccounts/"))
      names.insert(row.name.substr(26, row.name.find('/', 26) - 26));
  for (const char* kept : {"default", "kube-system", "kube-public", "kube-node-lease"}) names.erase(kept);
  if (names.empty()) return false;
  const std::string name = *std::next(names.begin(), static_cast<std::ptrdiff_t>(scene.below(names.size())));
  return delete_properly(
      scene, [&](const LogRow& row) { return row.name == "/registry/namespaces/" + name; }, 1.0);
}

bool delete_history(Scene& scene) {
  Surgery surgery(scene.database);
  const std::size_t before = surgery.log().rows.size();
  surgery.run("DELETE FROM kine WHERE id NOT IN (SELECT max(id) FROM kine GROUP BY name)");
  return surgery.log().rows.size() < before;
}

bool lose_secrets(Scene& scene) {
  return delete_properly(
      scene, [](const LogRow& row) { return row.name.starts_with("/registry/secrets/"); }, 0.5);
}

bool delete_most(Scene& scene) {
  return delete_properly(
      scene,
      [](const LogRow& row) {
        for (const char* kind : {"pods", "configmaps", "secrets", "deployments", "replicasets"})
          if (row.name.starts_with("/registry/" + std::string(kind) + "/")) return true;
        return false;
      },
      0.95);
}

}  // namespace

std::vector<Damage> row_damages() {
  constexpr auto kRows = "rows";
  constexpr auto kPeople = "people";
  constexpr auto kCompacted =
      "it may have been deleted and its tombstone compacted; only where nothing was compacted since, the snapshot "
      "before "
      "does";
  constexpr auto kSound = "the database is sound: somebody deleted it";
  constexpr auto kByHand =
      "SQLite hangs together, so somebody deleted the row; the snapshot before tells whether an object went with it";
  return {
      {"row: recent one gone", kRows, "a live row above the compact revision", Needs::notice, kByHand, false,
       drop_recent},
      {"row: old one gone", kRows, "a live row up to the compact revision", Needs::hash, kCompacted, false, drop_old},
      {"row: superseded one gone", kRows, "a row of history above the compact revision", Needs::notice, kByHand, false,
       drop_superseded},
      {"row: tombstone gone", kRows, "what says that an object was deleted", Needs::notice, kByHand, false,
       drop_tombstone},
      {"row: tail gone", kRows, "the newest 20 rows", Needs::content, "", false, drop_tail},
      {"row: tail gone, counter too", kRows, "the newest 20 rows, and sqlite_sequence says so", Needs::hash,
       "it is what the database was a short time before", false, drop_tail_fixed},
      {"row: twice", kRows, "a created row once more under a new revision", Needs::notice, "k3s serves the newest",
       false, duplicate_row},
      {"row: kube-system gone", kRows, "the namespace whose uid is the cluster's", Needs::content, "", false,
       drop_kube_system},
      {"row: namespace gone", kRows, "a namespace with objects in it, up to the compact revision", Needs::notice,
       "one that was finalized by hand looks the same; where nothing was compacted since, the snapshot before tells",
       false, drop_namespace},
      {"row: definition gone", kRows, "of custom resources, up to the compact revision, with no other of its group",
       Needs::content, "", false, drop_definition},
      {"value: two swapped", kRows, "of two objects of one kind", Needs::content, "", false, swap_values},
      {"value: half gone", kRows, "the second half of a live value", Needs::content, "", false, truncate_value},
      {"value: last byte gone", kRows, "of a live value", Needs::content, "", false, lose_last_byte},
      {"value: a byte more", kRows, "at the end of a live value", Needs::content, "", false, extend_value},
      {"value: empty", kRows, "no bytes where an object was", Needs::content, "", false, empty_value},
      {"value: NULL", kRows, "NULL where an object was", Needs::content, "", false, null_value},
      {"key: renamed", kRows, "one letter more", Needs::content, "", false, rename_key},
      {"object: another name", kRows, "one letter of the name inside the value", Needs::content, "", false,
       change_name_inside},
      {"object: another uid", kRows, "one digit of the uid inside a value that was there before", Needs::previous,
       "a uid may be any, where nothing refers to it", false, change_uid},
      {"people: namespace deleted", kPeople, "with all that was in it", Needs::warning, kSound, true, vanish_namespace},
      {"people: half of the secrets deleted", kPeople, "by the API", Needs::warning, kSound, true, lose_secrets},
      {"people: namespace finalized by hand", kPeople, "and what was in it stays", Needs::notice,
       "k3s serves what stays", true, finalize_namespace},
      {"people: definition deleted by force", kPeople, "and its objects stay", Needs::notice, "k3s starts without them",
       true, delete_definition},
      {"people: history deleted by hand", kPeople, "with DELETE FROM kine, to shrink the file", Needs::notice,
       "k3s serves what is left", true, delete_history},
      {"people: most of it deleted", kPeople, "pods, workloads, secrets and configuration", Needs::previous, kSound,
       true, delete_most},
  };
}

}  // namespace damage
