// Checks `file` and `hash`: the database as a file, before SQLite sees it.
#pragma once

#include <string>

#include "verifier/checks/check.hpp"
#include "verifier/checks/verification.hpp"

namespace verifier {

/// Fills size, page size and page count of `result`. Returns why SQLite need not be asked at all (empty file, foreign
/// format, no regular file), or an empty text. Throws: denied, storage.
/// Source: sqlite.org/fileformat2.html, section 1.3.
std::string check_file(const Subject& subject, Verification& result, CheckBuilder& check);

/// Compares the SHA-256 of the file with the one taken at capture, and returns it; empty when there is no regular file.
/// Throws: denied, storage, cancelled.
std::string check_hash(const Subject& subject, CheckBuilder& check);

}  // namespace verifier
