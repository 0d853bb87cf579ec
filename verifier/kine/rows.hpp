// The one pass over kine's rows that every check about rows reads: in the order of revisions, straight from the table,
// so that no index decides what is seen. Add a check by adding an observer.
// What it does not do: check a row.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/revision.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {

/// One row of table kine; the views live until the next one is read. An empty optional is a NULL or no integer.
struct Row {
  core::Revision id;
  bool has_name = false;  // text, or a number that SQLite made of one
  std::string_view name;
  std::optional<std::int64_t> created;
  std::optional<std::int64_t> deleted;
  std::optional<std::int64_t> create_revision;
  std::optional<std::int64_t> prev_revision;
  std::optional<std::int64_t> lease;
  bool has_value = false;  // not NULL
  std::string_view value;
  bool has_old_value = false;
  std::string_view old_value;  // of an update or tombstone: what it replaced

  bool is_tombstone() const { return deleted == 1; }
  bool is_live() const { return deleted == 0; }
};

/// Every row, by ascending id.
class RowScan {
 public:
  /// Throws: as Statement.
  explicit RowScan(Database& database);
  /// False after the last row. Throws: damaged (SQLite cannot read on), storage, cancelled.
  bool next();
  const Row& row() const { return row_; }

 private:
  Statement statement_;
  Row row_;
};

inline constexpr std::string_view kCompactKey = "compact_rev_key";
/// Of the name of a row that stands for a revision in which nothing happened; its id follows.
inline constexpr std::string_view kGapPrefix = "gap-";

/// What compact_rev_key says; 0 when there is none, or when neither its index nor the table can be read.
/// Throws: storage, cancelled.
core::Revision compact_revision_of(Database& database);

/// The revision that was handed out last, by sqlite_sequence; empty when it does not say. Throws: storage, cancelled.
std::optional<std::int64_t> sequence_of(Database& database);

/// How many rows there are, counted without reading them. Throws: as scan_rows.
std::uint64_t count_rows(Database& database);

}  // namespace verifier
