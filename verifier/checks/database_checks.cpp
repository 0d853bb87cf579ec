#include "verifier/checks/database_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

#include "verifier/kine/foreign_text.hpp"

namespace verifier {
namespace {

constexpr std::uint64_t kIntegrityLimit = 10'000;

struct Column {
  std::string_view name;
  std::string_view type;
};

constexpr std::array<Column, 9> kColumns{{{"id", "INTEGER"},
                                          {"name", "INTEGER"},  // TEXT from kine 0.16.3 on
                                          {"created", "INTEGER"},
                                          {"deleted", "INTEGER"},
                                          {"create_revision", "INTEGER"},
                                          {"prev_revision", "INTEGER"},
                                          {"lease", "INTEGER"},
                                          {"value", "BLOB"},
                                          {"old_value", "BLOB"}}};

struct Index {
  std::string name;
  bool unique = false;
  bool partial = false;
  std::vector<std::string> columns;
};

std::string upper(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return result;
}

std::string quoted_name(std::string_view text) {
  std::string result = "'";
  for (const char c : text) result.append(c == '\'' ? 2 : 1, c);
  return result + "'";
}

// kine as an ordinary table; a view or a virtual table of that name would run foreign code, or nothing.
bool is_ordinary_table(Database& database, CheckBuilder& check) {
  Statement statement(database, "SELECT type, rootpage FROM sqlite_schema WHERE name = 'kine' COLLATE NOCASE");
  if (!statement.step()) {
    check.error("there is no table kine: this is not the database of a k3s server");
    return false;
  }
  if (statement.bytes(0) == "table" && statement.integer(1) > 0) {
    Statement list(database, "PRAGMA main.table_list(kine)");
    if (list.step() && list.integer(4) == 0) return true;
    check.error("table kine numbers no rows (WITHOUT ROWID): k3s could write nothing");
    return false;
  }
  check.error(fmt::format("kine is a {} here, not an ordinary table",
                          statement.bytes(0) == "table" ? "virtual table" : printable(statement.bytes(0))));
  return false;
}

bool check_columns(Database& database, CheckBuilder& check) {
  struct Found {
    std::string name, type;
    bool primary_key;
  };
  std::vector<Found> found;
  Statement statement(database, "PRAGMA main.table_info(kine)");
  while (statement.step())
    found.push_back({std::string(statement.bytes(1)), upper(statement.bytes(2)), statement.integer(5) != 0});
  bool readable = true;
  for (const Column& column : kColumns) {
    const auto at = std::find_if(found.begin(), found.end(), [&](const Found& f) { return f.name == column.name; });
    if (at == found.end()) {
      check.error(fmt::format("table kine has no column {}", column.name));
      readable = false;
    } else if (at->type != column.type && !(column.name == "name" && at->type == "TEXT")) {
      // SQLite numbers rows by a key declared INTEGER alone; else a column holds what is put into it.
      check.add({column.name == "id" ? core::Severity::error : core::Severity::warning,
                 fmt::format("column {} of table kine is declared {}, kine declares it {}", column.name,
                             at->type.empty() ? "without a type" : printable(at->type), column.type),
                 {},
                 {}});
    } else if (column.name == "id" && !at->primary_key) {
      check.error("column id of table kine is not its primary key: revisions would be handed out twice");
    }
  }
  for (const Found& f : found)
    if (std::none_of(kColumns.begin(), kColumns.end(), [&](const Column& column) { return column.name == f.name; }))
      check.warning(fmt::format("table kine has a column {} that no kine made", printable(f.name)));
  return readable;
}

std::vector<Index> read_indexes(Database& database) {
  std::vector<Index> indexes;
  Statement list(database, "PRAGMA main.index_list(kine)");
  while (list.step()) indexes.push_back({std::string(list.bytes(1)), list.integer(2) != 0, list.integer(4) != 0, {}});
  for (Index& index : indexes) {
    Statement info(database, fmt::format("PRAGMA main.index_info({})", quoted_name(index.name)));
    while (info.step()) index.columns.emplace_back(info.bytes(2));
  }
  return indexes;
}

bool has_two_of_one_place(Database& database) {
  return Statement(database,
                   "SELECT 1 FROM main.kine WHERE prev_revision IS NOT NULL GROUP BY name, prev_revision HAVING "
                   "count(*) > 1 LIMIT 1")
      .step();
}

// The index that keeps two writers apart. kine makes it at its start when there is none of its name, and does not start
// when it cannot.
void check_guard(Database& database, const std::vector<Index>& indexes, CheckBuilder& check) {
  const std::vector<std::string> columns{"name", "prev_revision"};
  const auto guards = [&](const Index& index) { return index.columns == columns && !index.partial && index.unique; };
  if (std::any_of(indexes.begin(), indexes.end(), guards)) return;
  constexpr std::string_view kName = "kine_name_prev_revision_uindex";
  if (std::any_of(indexes.begin(), indexes.end(), [&](const Index& index) { return index.name == kName; }))
    return check.warning(
        fmt::format("index {} is not the unique one that kine makes, and kine does not replace it: k3s starts and "
                    "serves, but two writers could both win. Stop k3s and drop it; k3s makes it again when it starts",
                    kName));
  if (has_two_of_one_place(database))
    return check.error(
        "the unique index on (name, prev_revision) is missing, and two rows replace the same one: k3s cannot make the "
        "index again and does not start");
  check.warning("the unique index on (name, prev_revision) is missing: kine makes it again at its next start");
}

void check_indexes(Database& database, CheckBuilder& check) {
  const std::vector<Index> indexes = read_indexes(database);
  const auto covers = [&](const std::vector<std::string>& columns) {
    return std::any_of(indexes.begin(), indexes.end(),
                       [&](const Index& index) { return index.columns == columns && !index.partial; });
  };
  check_guard(database, indexes, check);
  const std::vector<std::pair<std::string_view, std::vector<std::string>>> others{
      {"kine_name_index", {"name"}},
      {"kine_name_id_index", {"name", "id"}},
      {"kine_id_deleted_index", {"id", "deleted"}},
      {"kine_prev_revision_index", {"prev_revision"}}};
  for (const auto& [name, columns] : others)
    if (!covers(columns))
      check.warning(fmt::format("index {} is missing: kine makes it again at its next start, which takes time", name));
}

// kine makes none of these; a trigger would run inside the restored control plane.
void check_foreign_objects(Database& database, CheckBuilder& check) {
  Statement statement(
      database,
      "SELECT CASE type WHEN 'table' THEN 'virtual table' ELSE type END, name FROM sqlite_schema WHERE "
      "type IN ('trigger', 'view') OR (type = 'table' AND rootpage = 0 AND name <> 'kine' COLLATE NOCASE)");
  while (statement.step())
    check.warning(fmt::format("the database holds a {} named {} that no kine made", printable(statement.bytes(0)),
                              printable(statement.bytes(1))));
}

}  // namespace

void check_sqlite(Database& database, Pages& pages, CheckBuilder& check) {
  pages.count =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, query_integer(database, "PRAGMA page_count").value_or(0)));
  Statement statement(database, fmt::format("PRAGMA integrity_check({})", kIntegrityLimit));
  std::uint64_t lines = 0;
  while (statement.step()) {
    std::string_view rest = statement.bytes(0);
    if (rest == "ok") continue;
    ++lines;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.empty() || line == "*** in database main ***") continue;
      // A page that nothing points at is read by nobody; table and indexes are compared with each other.
      const bool only_unused = line.ends_with("never used");
      check.add({only_unused ? core::Severity::warning : core::Severity::error,
                 "integrity_check: " + printable(line),
                 {},
                 {}});
    }
  }
  // At its limit integrity_check stops early, and what it did not reach was not looked at.
  pages.all_checked = lines < kIntegrityLimit;
}

bool check_schema(Database& database, CheckBuilder& check) {
  check_foreign_objects(database, check);
  if (!is_ordinary_table(database, check)) return false;
  const bool readable = check_columns(database, check);
  check_indexes(database, check);
  return readable;
}

}  // namespace verifier
