// kine's log and the schema around it: numbers that no kine wrote, rows of its own that are missing, indexes that are
// not what they were.
#include "tests/verifier/damage.hpp"
#include "tests/verifier/damage_tools.hpp"

namespace damage {
namespace {

bool run(Scene& scene, const std::string& sql) {
  Surgery(scene.database).run(sql);
  return true;
}

bool change_previous(Scene& scene) {
  return change_row(
      scene,
      [](const LogRow& row, const Log& log) {
        return row.is_object() && !row.created && row.id > log.compact_revision && row.previous > 1;
      },
      "UPDATE kine SET prev_revision = prev_revision - 1 WHERE id = ?1");
}

bool change_create_revision(Scene& scene) {
  return change_row(
      scene,
      [](const LogRow& row, const Log& log) {
        const LogRow* created_by = log.find(row.create_revision);
        return row.is_object() && created_by != nullptr && created_by->created && created_by->name == row.name;
      },
      "UPDATE kine SET create_revision = create_revision - 1 WHERE id = ?1");
}

bool undelete(Scene& scene) {
  return change_row(
      scene,
      [](const LogRow& row, const Log&) { return row.deleted && row.newest && row.name.starts_with("/registry/"); },
      "UPDATE kine SET deleted = 0, value = NULL WHERE id = ?1");
}

bool mark_created_deleted(Scene& scene) {
  return change_row(
      scene, [](const LogRow& row, const Log&) { return row.live && row.created && row.is_object(); },
      "UPDATE kine SET deleted = 1 WHERE id = ?1");
}

bool mark_updated_deleted(Scene& scene) {
  return change_row(
      scene,
      [](const LogRow& row, const Log& log) {
        return row.live && !row.created && row.is_object() && row.id > log.compact_revision;
      },
      "UPDATE kine SET deleted = 1 WHERE id = ?1");
}

bool two_compact_rows(Scene& scene) {
  return run(scene,
             "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) "
             "SELECT name, 1, 0, 0, prev_revision + 1, 0, x'' FROM kine WHERE name = 'compact_rev_key'");
}
bool no_compact_row(Scene& scene) { return run(scene, "DELETE FROM kine WHERE name = 'compact_rev_key'"); }
bool compact_beyond(Scene& scene) {
  return run(scene, "UPDATE kine SET prev_revision = (SELECT max(id) + 1000 FROM kine) WHERE name = 'compact_rev_key'");
}
bool compact_negative(Scene& scene) {
  return run(scene, "UPDATE kine SET prev_revision = -1 WHERE name = 'compact_rev_key'");
}
bool compact_backwards(Scene& scene) {
  if (Surgery(scene.database).log().compact_revision < 100) return false;
  return run(scene, "UPDATE kine SET prev_revision = prev_revision - 50 WHERE name = 'compact_rev_key'");
}

bool lower_sequence(Scene& scene) { return run(scene, "UPDATE sqlite_sequence SET seq = seq - 5 WHERE name = 'kine'"); }
bool raise_sequence(Scene& scene) { return run(scene, "UPDATE sqlite_sequence SET seq = seq + 5 WHERE name = 'kine'"); }
bool no_sequence(Scene& scene) { return run(scene, "DELETE FROM sqlite_sequence WHERE name = 'kine'"); }

bool drop_unique(Scene& scene) { return run(scene, "DROP INDEX kine_name_prev_revision_uindex"); }
bool weaken_unique(Scene& scene) {
  return run(scene,
             "DROP INDEX kine_name_prev_revision_uindex; "
             "CREATE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision)");
}
bool drop_index(Scene& scene) { return run(scene, "DROP INDEX kine_name_id_index"); }

// The index is taken out of the schema while a row goes, and put back: it still names the row.
bool stale_index(Scene& scene) {
  {
    Surgery surgery(scene.database);
    surgery.run(
        "CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'kine_name_id_index';"
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'kine_name_id_index';"
        "PRAGMA writable_schema = RESET");
    const Log log = surgery.log();
    const LogRow* row = draw(scene, log, [](const LogRow& one) { return one.live && one.is_object(); });
    if (row == nullptr) return false;
    surgery.run("UPDATE kine SET name = name || '-lost' WHERE id = ?1", {row->id});
    surgery.run(
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM kept; PRAGMA writable_schema = RESET");
  }
  return true;
}

bool add_trigger(Scene& scene) {
  return run(scene,
             "CREATE TRIGGER forget AFTER INSERT ON kine BEGIN DELETE FROM kine WHERE id = NEW.prev_revision; END");
}
bool add_view(Scene& scene) { return run(scene, "CREATE VIEW recent AS SELECT * FROM kine WHERE id > 100"); }
bool kine_as_view(Scene& scene) {
  return run(scene, "ALTER TABLE kine RENAME TO hidden; CREATE VIEW kine AS SELECT * FROM hidden");
}
bool drop_column(Scene& scene) { return run(scene, "ALTER TABLE kine DROP COLUMN old_value"); }

constexpr const char* kBootstrap = "name >= '/bootstrap/' AND name < '/bootstrap0'";

bool drop_bootstrap(Scene& scene) { return run(scene, std::string("DELETE FROM kine WHERE ") + kBootstrap); }
bool empty_bootstrap(Scene& scene) {
  return run(scene, std::string("UPDATE kine SET value = NULL WHERE ") + kBootstrap);
}
bool cut_bootstrap(Scene& scene) {
  return run(scene, std::string("UPDATE kine SET value = substr(value, 1, length(value) - 4) WHERE ") + kBootstrap);
}
bool two_bootstrap(Scene& scene) {
  return run(scene,
             std::string("INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) "
                         "SELECT '/bootstrap/0123456789ab', 1, 0, 0, 0, 0, value FROM kine WHERE ") +
                 kBootstrap);
}

}  // namespace

std::vector<Damage> log_damages() {
  constexpr auto kLog = "log";
  constexpr auto kSchema = "schema";
  constexpr auto kSealed = "bootstrap";
  return {
      {"log: previous revision", kLog, "of a row above the compact revision, less by one", Needs::notice,
       "an error where a compaction would remove an object by it", false, change_previous},
      {"log: create revision", kLog, "less by one, while the row that created the key is there", Needs::notice,
       "k3s serves the object all the same", false, change_create_revision},
      {"log: tombstone undone", kLog, "a deleted object is said to live", Needs::content, "", false, undelete},
      {"log: created row deleted", kLog, "a row said to create and to delete", Needs::content, "", false,
       mark_created_deleted},
      {"log: updated row deleted", kLog, "an update said to delete, value and all", Needs::previous,
       "up to kine 0.15 a tombstone keeps a value", false, mark_updated_deleted},
      {"log: two compact rows", kLog, "compact_rev_key twice", Needs::notice, "k3s repairs it", false,
       two_compact_rows},
      {"log: no compact row", kLog, "compact_rev_key is not there", Needs::notice, "k3s makes it again", false,
       no_compact_row},
      {"log: compacted beyond", kLog, "a compact revision above the newest", Needs::content, "", false, compact_beyond},
      {"log: compacted below zero", kLog, "a compact revision of -1", Needs::notice, "k3s compacts from the first one",
       false, compact_negative},
      {"log: compacted less", kLog, "a compact revision less by 50 than it was", Needs::notice,
       "it looks like rows that were deleted by hand", false, compact_backwards},
      {"log: counter lowered", kLog, "sqlite_sequence below the newest row", Needs::notice,
       "SQLite goes on after the newest row", false, lower_sequence},
      {"log: counter raised", kLog, "sqlite_sequence above the newest row", Needs::content, "", false, raise_sequence},
      {"log: no counter", kLog, "sqlite_sequence without kine", Needs::notice, "SQLite goes on after the newest row",
       false, no_sequence},
      {"schema: no unique index", kSchema, "the one that keeps two writers apart", Needs::notice,
       "kine makes it at its start", false, drop_unique},
      {"schema: index not unique", kSchema, "of its name, but not unique", Needs::notice, "k3s serves all the same",
       false, weaken_unique},
      {"schema: index gone", kSchema, "another, which kine makes again", Needs::notice, "kine makes it at its start",
       false, drop_index},
      {"schema: stale index", kSchema, "an index that names what a row was", Needs::content, "", false, stale_index},
      {"schema: trigger", kSchema, "one that deletes rows when others come", Needs::notice,
       "all that is in it is what kine wrote", false, add_trigger},
      {"schema: view", kSchema, "one beside the table", Needs::notice, "all that is in it is what kine wrote", false,
       add_view},
      {"schema: kine is a view", kSchema, "of a table of another name", Needs::content, "", false, kine_as_view},
      {"schema: column gone", kSchema, "old_value", Needs::content, "", false, drop_column},
      {"bootstrap: gone", kSealed, "no /bootstrap/ row", Needs::content, "", false, drop_bootstrap},
      {"bootstrap: empty", kSealed, "a row without its seal", Needs::content, "", false, empty_bootstrap},
      {"bootstrap: cut", kSealed, "four characters less", Needs::content, "", false, cut_bootstrap},
      {"bootstrap: two", kSealed, "a second row under another token's key", Needs::notice,
       "k3s starts with the right one", false, two_bootstrap},
  };
}

}  // namespace damage
