// Checks `sqlite` and `schema`: what SQLite itself says, and whether the tables are kine's.
#pragma once

#include "verifier/check.hpp"
#include "verifier/sqlite.hpp"
#include "verifier/verify.hpp"

namespace verifier {

/// The full integrity_check, every line of it. Fills page_count and the coverage of pages. Throws: as Statement.
void check_sqlite(Database& database, Verification& result, CheckBuilder& check);

/// Table kine with its nine columns and indexes, of every kine so far. True when the rows can be read as kine's.
/// Source: kine pkg/drivers/sqlite/sqlite.go, v0.4.0 to v0.17.5.
bool check_schema(Database& database, CheckBuilder& check);

}  // namespace verifier
