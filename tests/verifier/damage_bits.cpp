// One bit, or one page: what disks and memory do. Where it hits is chosen by the map of the file.
#include <algorithm>

#include "tests/verifier/damage.hpp"
#include "tests/verifier/damage_tools.hpp"
#include "tests/verifier/page_map.hpp"

namespace damage {
namespace {

using pages::Part;
using pages::Region;

bool flip_in(Scene& scene, const std::function<bool(const Region&)>& fits) {
  const pages::PageMap map(scene.database);
  std::vector<const Region*> fitting;
  std::uint64_t total = 0;
  for (const Region& region : map.regions()) {
    if (!fits(region)) continue;
    fitting.push_back(&region);
    total += region.size;
  }
  if (total == 0) return false;
  std::uint64_t at = scene.below(total);  // each byte is as likely as another
  std::size_t chosen = 0;
  while (at >= fitting[chosen]->size) at -= fitting[chosen++]->size;
  flip_bit(scene.database, fitting[chosen]->offset + at, static_cast<unsigned>(scene.below(8)));
  return true;
}

bool flip_part(Scene& scene, Part part) {
  return flip_in(scene, [part](const Region& region) { return region.part == part; });
}

// In the column of rows that fit; `log` is read first, so that the map sees the file as it is then.
bool flip_column(Scene& scene, int column, const std::function<bool(const LogRow&, const Log&)>& fits) {
  const Log log = Surgery(scene.database).log();
  return flip_in(scene, [&](const Region& region) {
    if (region.part != Part::column || region.column != column) return false;
    const LogRow* row = log.find(region.row);
    return row != nullptr && fits(*row, log);
  });
}

bool flip_live(Scene& scene) {
  return flip_column(scene, pages::kValue, [](const LogRow& row, const Log&) { return row.live && row.is_object(); });
}

bool flip_old(Scene& scene) {
  return flip_column(scene, pages::kOldValue, [](const LogRow& row, const Log& log) {
    return row.is_object() && log.find(row.previous) != nullptr && !row.created;
  });
}

bool flip_historic(Scene& scene) {
  return flip_column(scene, pages::kValue,
                     [](const LogRow& row, const Log&) { return row.is_object() && !row.newest; });
}

bool flip_bootstrap(Scene& scene) {
  return flip_column(scene, pages::kValue,
                     [](const LogRow& row, const Log&) { return row.live && row.name.starts_with("/bootstrap/"); });
}

bool flip_sealed(Scene& scene) {
  const pages::PageMap map(scene.database);
  return flip_column(scene, pages::kValue, [&](const LogRow& row, const Log&) {
    return row.live && row.name.starts_with("/registry/secrets/") &&
           map.content_of(row.id, pages::kValue).starts_with("k8s:enc:");
  });
}

bool flip_overflow(Scene& scene) {
  return flip_in(scene, [](const Region& region) { return region.overflow; });
}

bool flip_record_header(Scene& scene) { return flip_part(scene, Part::record_header); }
bool flip_cell_head(Scene& scene) { return flip_part(scene, Part::cell_head); }
bool flip_cell_pointers(Scene& scene) { return flip_part(scene, Part::cell_pointers); }
bool flip_overflow_pointer(Scene& scene) { return flip_part(scene, Part::overflow_pointer); }
bool flip_index(Scene& scene) { return flip_part(scene, Part::index_entry); }
bool flip_page_header(Scene& scene) { return flip_part(scene, Part::page_header); }
bool flip_file_header(Scene& scene) { return flip_part(scene, Part::file_header); }

bool flip_anywhere(Scene& scene) {
  flip_bit(scene.database, scene.below(std::filesystem::file_size(scene.database)),
           static_cast<unsigned>(scene.below(8)));
  return true;
}

// --- Pages -----------------------------------------------------------------------------------------------------------

std::string page_of(const pages::PageMap& map, std::uint32_t page) {
  return map.bytes().substr(std::uint64_t{page - 1} * map.page_size(), map.page_size());
}

void put_page(Scene& scene, const pages::PageMap& map, std::uint32_t page, std::string_view bytes) {
  overwrite(scene.database, std::uint64_t{page - 1} * map.page_size(), bytes);
}

std::uint32_t draw_page(Scene& scene, const std::vector<std::uint32_t>& from) { return from[scene.below(from.size())]; }

// Two pages of different content; 0 when none are found.
std::pair<std::uint32_t, std::uint32_t> draw_two_pages(Scene& scene, const pages::PageMap& map,
                                                       const std::vector<std::uint32_t>& from) {
  for (int tries = 0; tries < 100; ++tries) {
    const std::uint32_t one = draw_page(scene, from);
    const std::uint32_t two = draw_page(scene, from);
    if (page_of(map, one) != page_of(map, two)) return {one, two};
  }
  return {0, 0};
}

bool zero_page(Scene& scene) {
  const pages::PageMap map(scene.database);
  put_page(scene, map, draw_page(scene, map.tree_pages()), std::string(map.page_size(), '\0'));
  return true;
}

bool zero_overflow_page(Scene& scene) {
  const pages::PageMap map(scene.database);
  std::vector<std::uint32_t> overflowing;
  for (const Region& region : map.regions())
    if (region.overflow && region.part == Part::column)
      overflowing.push_back(static_cast<std::uint32_t>(region.offset / map.page_size()) + 1);
  if (overflowing.empty()) return false;
  put_page(scene, map, draw_page(scene, overflowing), std::string(map.page_size(), '\0'));
  return true;
}

bool splice_page(Scene& scene) {
  const pages::PageMap map(scene.database);
  const auto [from, to] = draw_two_pages(scene, map, map.kine_leaves());
  if (from == 0) return false;
  put_page(scene, map, to, page_of(map, from));
  return true;
}

// A leaf of a table without what lies between and before its rows, which may differ although no row does.
std::string rows_of(std::string_view page) {
  const auto number_at = [&](std::size_t at) {
    return static_cast<std::size_t>(static_cast<unsigned char>(page[at])) << 8U |
           static_cast<unsigned char>(page[at + 1]);
  };
  std::string rows(page);
  const std::size_t pointers_end = 8 + 2 * number_at(3);
  std::fill(rows.data() + pointers_end, rows.data() + number_at(5), '\0');
  for (std::size_t free = number_at(1); free != 0; free = number_at(free))
    std::fill_n(rows.data() + free, number_at(free + 2), '\0');
  for (const std::size_t at : {1U, 2U, 7U}) rows[at] = '\0';  // where that begins, and how much of it is in fragments
  return rows;
}

bool splice_older_page(Scene& scene) {
  const pages::PageMap map(scene.database);
  const std::string older = read_bytes(scene.previous);
  std::vector<std::uint32_t> differing;
  for (const std::uint32_t page : map.kine_leaves()) {
    const std::uint64_t offset = std::uint64_t{page - 1} * map.page_size();
    if (offset + map.page_size() > older.size()) continue;
    const auto kind =
        static_cast<unsigned char>(older[offset]);  // of a leaf of a table; an overflow page begins with 0
    if (page > 1 && kind == 13 &&
        rows_of(std::string_view(older).substr(offset, map.page_size())) != rows_of(page_of(map, page)))
      differing.push_back(page);
  }
  if (differing.empty()) return false;
  const std::uint32_t page = draw_page(scene, differing);
  put_page(scene, map, page,
           std::string_view(older).substr(std::uint64_t{page - 1} * map.page_size(), map.page_size()));
  return true;
}

bool swap_pages(Scene& scene) {
  const pages::PageMap map(scene.database);
  const auto [one, two] = draw_two_pages(scene, map, map.tree_pages());
  if (one == 0) return false;
  put_page(scene, map, one, page_of(map, two));
  put_page(scene, map, two, page_of(map, one));
  return true;
}

}  // namespace

std::vector<Damage> bit_damages() {
  constexpr auto kGroup = "one bit";
  constexpr auto kText = "a text may hold any text, and slack may hold anything";
  constexpr auto kUnused = "some of these bytes say nothing that SQLite or kine asks for";
  constexpr auto kHistory = "history, of which nobody is served anything";
  return {
      {"bit: live value", kGroup, "in the value of a live object", Needs::hash, kText, false, flip_live},
      {"bit: old value", kGroup, "in an old value whose row is still there", Needs::notice, kHistory, false, flip_old},
      {"bit: superseded value", kGroup, "in a value that a later row replaced", Needs::notice, kHistory, false,
       flip_historic},
      {"bit: overflow page", kGroup, "in a page that a large row goes on in", Needs::hash, kText, false, flip_overflow},
      {"bit: sealed bootstrap row", kGroup, "in the value of the /bootstrap/ row", Needs::content, "", false,
       flip_bootstrap},
      {"bit: sealed secret", kGroup, "in a secret sealed by encryption at rest", Needs::hash,
       "AES-CBC authenticates nothing", false, flip_sealed},
      {"bit: record header", kGroup, "in the types and sizes of a row's columns", Needs::hash,
       "0 may become 1 in a column that says little", false, flip_record_header},
      {"bit: cell head", kGroup, "in a row's size or number, or in a pointer to a page", Needs::content, "", false,
       flip_cell_head},
      {"bit: cell pointer", kGroup, "in the list of where a page's rows are", Needs::content, "", false,
       flip_cell_pointers},
      {"bit: overflow pointer", kGroup, "in the number of the page that a row goes on in", Needs::content, "", false,
       flip_overflow_pointer},
      {"bit: index page", kGroup, "in an entry of an index", Needs::content, "", false, flip_index},
      {"bit: page header", kGroup, "in the head of a b-tree page", Needs::hash, kUnused, false, flip_page_header},
      {"bit: file header", kGroup, "in the first hundred bytes", Needs::hash, kUnused, false, flip_file_header},
      {"bit: anywhere", kGroup, "in any byte of the file", Needs::hash, kText, false, flip_anywhere},
  };
}

std::vector<Damage> page_damages() {
  constexpr auto kGroup = "pages";
  return {
      {"page: zeroed", kGroup, "a page of a tree is zeroes", Needs::content, "", false, zero_page},
      {"page: overflow zeroed", kGroup, "a page that a large row goes on in is zeroes", Needs::notice,
       "in history nobody is served it", false, zero_overflow_page},
      {"page: another's content", kGroup, "a page of rows holds another page's", Needs::content, "", false,
       splice_page},
      {"page: older content", kGroup, "a page of rows is as it was in the snapshot before", Needs::content, "", false,
       splice_older_page},
      {"page: two swapped", kGroup, "two pages are where the other belongs", Needs::content, "", false, swap_pages},
  };
}

}  // namespace damage
