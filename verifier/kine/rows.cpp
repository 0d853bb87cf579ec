#include "verifier/kine/rows.hpp"

#include <fmt/format.h>

#include "core/cancel.hpp"
#include "core/error.hpp"

namespace verifier {
namespace {

constexpr std::string_view kQuery =
    "SELECT id, name, created, deleted, create_revision, prev_revision, lease, value, old_value FROM main.kine NOT "
    "INDEXED ORDER BY id";

std::optional<std::int64_t> number(const Statement& statement, int column) {
  if (!statement.is_integer(column)) return std::nullopt;
  return statement.integer(column);
}

}  // namespace

RowScan::RowScan(Database& database) : statement_(database, kQuery) {}

bool RowScan::next() {
  core::throw_if_cancelled();
  if (!statement_.step()) return false;
  row_.id = {statement_.integer(0)};
  row_.has_name = !statement_.is_null(1) && !statement_.is_blob(1);
  row_.name = statement_.bytes(1);
  row_.created = number(statement_, 2);
  row_.deleted = number(statement_, 3);
  row_.create_revision = number(statement_, 4);
  row_.prev_revision = number(statement_, 5);
  row_.lease = number(statement_, 6);
  row_.has_value = !statement_.is_null(7);
  row_.value = statement_.bytes(7);
  row_.has_old_value = !statement_.is_null(8);
  row_.old_value = statement_.bytes(8);
  return true;
}

// The table alone is asked when the index is torn.
core::Revision compact_revision_of(Database& database) {
  for (const char* how : {"", "NOT INDEXED "}) {
    try {
      Statement statement(database, fmt::format("SELECT max(prev_revision) FROM main.kine {}WHERE name = ?", how));
      statement.bind(1, kCompactKey);
      return {statement.step() && statement.is_integer(0) ? statement.integer(0) : 0};
    } catch (const core::Error& error) {
      if (error.kind() != core::ErrorKind::damaged) throw;
    }
  }
  return {};
}

std::optional<std::int64_t> sequence_of(Database& database) {
  try {
    return query_integer(database, "SELECT seq FROM main.sqlite_sequence WHERE name = 'kine'");
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged) throw;
    return std::nullopt;  // there is no such table
  }
}

std::uint64_t count_rows(Database& database) {
  return static_cast<std::uint64_t>(query_integer(database, "SELECT count(*) FROM main.kine").value_or(0));
}

}  // namespace verifier
