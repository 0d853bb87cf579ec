// Checks `sqlite` and `schema`: what SQLite itself says, and whether the tables are kine's.
#pragma once

#include <cstdint>

#include "verifier/checks/check.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {

struct Pages {
  std::uint64_t count = 0;  // as SQLite counts, a WAL included; 0 when it does not say
  bool all_checked = false;
};

/// The full integrity_check, every line of it. Throws: as Statement. Leaves: in `pages` what was known until then.
void check_sqlite(Database& database, Pages& pages, CheckBuilder& check);

/// Table kine with its nine columns and indexes, of every kine so far. True when the rows can be read as kine's.
/// Source: kine pkg/drivers/sqlite/sqlite.go, v0.4.0 to v0.17.5.
bool check_schema(Database& database, CheckBuilder& check);

}  // namespace verifier
