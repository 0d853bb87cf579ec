#include "verifier/kine/values.hpp"

#include "verifier/kine/sqlite.hpp"

namespace verifier {

void read_values(const std::filesystem::path& database, std::string_view first, std::string_view end,
                 const std::function<void(std::string_view key, core::Revision, std::string_view value)>& take) {
  Database opened(database);
  Statement rows(opened,
                 "SELECT name, id, value FROM kine WHERE id IN (SELECT max(id) FROM kine WHERE name >= ? AND name < ? "
                 "GROUP BY name) AND deleted = 0");
  rows.bind(1, first);
  rows.bind(2, end);
  while (rows.step()) take(rows.bytes(0), core::Revision{rows.integer(1)}, rows.bytes(2));
}

}  // namespace verifier
