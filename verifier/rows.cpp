#include "verifier/rows.hpp"

#include "core/cancel.hpp"

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

void scan_rows(Database& database, const std::function<void(const Row&)>& observe) {
  Statement statement(database, kQuery);
  while (statement.step()) {
    core::throw_if_cancelled();
    Row row;
    row.id = {statement.integer(0)};
    row.has_name = !statement.is_null(1) && !statement.is_blob(1);
    row.name = statement.bytes(1);
    row.created = number(statement, 2);
    row.deleted = number(statement, 3);
    row.create_revision = number(statement, 4);
    row.prev_revision = number(statement, 5);
    row.lease = number(statement, 6);
    row.has_value = !statement.is_null(7);
    row.value = statement.bytes(7);
    row.has_old_value = !statement.is_null(8);
    row.old_value = statement.bytes(8);
    observe(row);
  }
}

std::uint64_t count_rows(Database& database) {
  return static_cast<std::uint64_t>(query_integer(database, "SELECT count(*) FROM main.kine").value_or(0));
}

}  // namespace verifier
