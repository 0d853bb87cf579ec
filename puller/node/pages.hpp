// The two passes over the database inside the read transaction: the first hashes it, the second sends the pages the
// controller does not have. Memory does not grow with the database beyond one bit and one short hash per page.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "puller/node/database.hpp"
#include "puller/node/request.hpp"

namespace node {

/// Called between pages: the place for limits and signs of life. What it throws ends the pass.
using Tick = std::function<void()>;

struct Scan {
  std::string sha256;     // of the whole image
  std::string differing;  // one bit per group of pages, low bit first; empty when there is no base to compare with
};

/// First pass. A base of another page size is no base.
Scan scan(ReadTransaction& database, const std::optional<Base>& base, const Tick& tick);

/// How many pages the groups marked in `differing` have, of the base's `page_count`: so many page hashes the controller
/// will send.
std::uint64_t pages_in(std::string_view differing, std::uint32_t page_count);

/// Second pass: hands out the zstd stream of records, each the distance to the last record's page number (LEB128) and
/// the page. `hashes` has one short hash for each of pages_in(); without it all pages of a differing group are sent,
/// without a base all pages.
void send_pages(ReadTransaction& database, const std::optional<Base>& base, std::string_view differing,
                const std::optional<std::string>& hashes, const Tick& tick,
                const std::function<void(std::string_view)>& out);

}  // namespace node
