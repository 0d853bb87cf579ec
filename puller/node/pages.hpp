// The image of the database inside the read transaction: hashed whole, compared with the controller's in three steps
// (puller/page_hash.hpp), and the differences sent. Memory grows with the database by a few bytes per changed page.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "puller/node/database.hpp"
#include "puller/node/request.hpp"

namespace node {

/// Called for every page that is read: the place for limits and signs of life. What it throws ends the pass.
using Tick = std::function<void()>;

struct Scan {
  std::string sha256;  // of the whole image
  std::string groups;  // short hash of each group; empty without a salt
};

/// Reads every page.
Scan scan(ReadTransaction& database, std::optional<std::uint64_t> salt, const Tick& tick);

/// The groups that are not as in the base, as bits.
std::string differing_groups(std::string_view groups, const Base& base);

/// The pages of those groups, as indexes (page number less one), in order.
std::vector<std::uint32_t> pages_of(std::string_view differing, std::uint32_t page_count);

/// How many of `pages` the base has as well: for so many the controller sends hashes.
std::uint32_t known_pages(const std::vector<std::uint32_t>& pages, const Base& base);

/// Which of `pages` differ, as bits of their place in it; `hashes` has one for each of known_pages().
std::string changed_pages(ReadTransaction& database, const std::vector<std::uint32_t>& pages, std::string_view hashes,
                          const Base& base, const Tick& tick);

/// Hands out the zstd stream of records: the distance to the last record's page number (LEB128; 0: the numbers begin
/// again), two bytes of bits, low first, for the parts that follow, and these parts. Pages of indexes come before those
/// of the table, as like compresses best beside like. `part_hashes` has kPageParts for each of known_pages(); empty
/// sends all.
void send_pages(ReadTransaction& database, const std::vector<std::uint32_t>& pages, std::string_view part_hashes,
                std::uint64_t salt, const Tick& tick, const std::function<void(std::string_view)>& out);

}  // namespace node
