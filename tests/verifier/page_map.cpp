#include "tests/verifier/page_map.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace pages {
namespace {

constexpr unsigned kInteriorIndex = 2;
constexpr unsigned kInteriorTable = 5;
constexpr unsigned kLeafTable = 13;

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Root {
  std::string name;
  bool is_table;
  std::uint32_t page;
};

std::vector<Root> roots_of(const std::filesystem::path& file) {
  sqlite3* handle = nullptr;
  sqlite3_stmt* statement = nullptr;
  const std::string uri = "file:" + file.string() + "?immutable=1";
  sqlite3_open_v2(uri.c_str(), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
  sqlite3_prepare_v2(handle, "SELECT name, type = 'table', rootpage FROM sqlite_schema WHERE rootpage > 0", -1,
                     &statement, nullptr);
  std::vector<Root> roots{{"sqlite_schema", true, 1}};
  while (statement != nullptr && sqlite3_step(statement) == SQLITE_ROW)
    roots.push_back({reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)),
                     sqlite3_column_int(statement, 1) != 0,
                     static_cast<std::uint32_t>(sqlite3_column_int64(statement, 2))});
  sqlite3_finalize(statement);
  sqlite3_close(handle);
  if (roots.size() == 1) throw std::runtime_error("no tables in " + file.string());
  return roots;
}

// Bytes of a column by its serial type.
std::uint64_t size_of(std::uint64_t type) {
  constexpr std::uint64_t kSizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return type < 12 ? kSizes[type] : (type - 12) / 2;
}

std::uint64_t read_varint(std::string_view bytes, std::uint64_t& at) {
  std::uint64_t value = 0;
  for (int count = 0; count < 8; ++count) {
    const auto byte = static_cast<unsigned char>(bytes.at(at++));
    value = value << 7 | (byte & 0x7f);
    if (byte < 0x80) return value;
  }
  return value << 8 | static_cast<unsigned char>(bytes.at(at++));
}

}  // namespace

std::string_view to_string(Part part) {
  constexpr std::string_view kNames[] = {"file header",      "page header", "cell pointers",  "cell head",
                                         "record header",    "column",      "index entry",    "another table",
                                         "overflow pointer", "free page",   "slack in a page"};
  return kNames[static_cast<int>(part)];
}

PageMap::PageMap(const std::filesystem::path& file) : bytes_(read(file)) {
  if (bytes_.size() < 512) throw std::runtime_error("no database: " + file.string());
  page_size_ = number(16, 2) == 1 ? 65536 : number(16, 2);
  usable_ = page_size_ - number(20, 1);
  add(0, 100, Part::file_header);
  for (const Root& root : roots_of(file))
    walk(root.page, !root.is_table ? Tree::index : root.name == "kine" ? Tree::kine : Tree::other_table);
  map_free_pages();
  fill_slack();
}

const Region& PageMap::at(std::uint64_t offset) const {
  const auto after = std::upper_bound(regions_.begin(), regions_.end(), offset,
                                      [](std::uint64_t value, const Region& region) { return value < region.offset; });
  return *std::prev(after);
}

const std::vector<Region>& PageMap::column_of(std::int64_t row, int column) const {
  static const std::vector<Region> none;
  const auto found = columns_.find({row, column});
  return found == columns_.end() ? none : found->second;
}

std::string PageMap::content_of(std::int64_t row, int column) const {
  std::string content;
  for (const Region& region : column_of(row, column)) content += bytes_.substr(region.offset, region.size);
  return content;
}

std::uint32_t PageMap::number(std::uint64_t offset, int count) const {
  std::uint32_t value = 0;
  for (int at = 0; at < count; ++at)
    value = value << 8 | static_cast<unsigned char>(bytes_.at(offset + static_cast<std::uint64_t>(at)));
  return value;
}

std::uint64_t PageMap::varint(std::uint64_t& offset) const { return read_varint(bytes_, offset); }

void PageMap::add(std::uint64_t offset, std::uint64_t size, Part part) {
  if (size == 0) return;
  Region region;
  region.offset = offset;
  region.size = static_cast<std::uint32_t>(size);
  region.part = part;
  regions_.push_back(region);
}

void PageMap::walk(std::uint32_t page, Tree tree) {
  const std::uint64_t start = std::uint64_t{page - 1} * page_size_;
  const std::uint64_t head = start + (page == 1 ? 100 : 0);
  const unsigned type = number(head, 1);
  const bool interior = type == kInteriorIndex || type == kInteriorTable;
  const std::uint64_t pointers = head + (interior ? 12 : 8);
  const std::uint32_t cells = number(head + 3, 2);
  add(head, pointers - head, Part::page_header);
  add(pointers, 2 * cells, Part::cell_pointers);
  tree_pages_.push_back(page);
  if (tree == Tree::kine && !interior) kine_leaves_.push_back(page);
  for (std::uint32_t cell = 0; cell < cells; ++cell)
    walk_cell(start + number(pointers + 2 * std::uint64_t{cell}, 2), type, tree);
  if (interior) walk(number(head + 8, 4), tree);
}

void PageMap::walk_cell(std::uint64_t offset, unsigned type, Tree tree) {
  std::uint64_t at = offset;
  if (type == kInteriorIndex || type == kInteriorTable) {
    walk(number(at, 4), tree);
    at += 4;
  }
  if (type == kInteriorTable) {
    varint(at);
    return add(offset, at - offset, Part::cell_head);
  }
  const std::uint64_t size = varint(at);
  const std::int64_t row = type == kLeafTable ? static_cast<std::int64_t>(varint(at)) : 0;
  add(offset, at - offset, Part::cell_head);
  map_payload(payload(at, size, type == kLeafTable), tree, row);
}

PageMap::Payload PageMap::payload(std::uint64_t offset, std::uint64_t size, bool table_leaf) {
  const std::uint64_t most = table_leaf ? usable_ - 35 : (usable_ - 12) * 64 / 255 - 23;
  const std::uint64_t least = (usable_ - 12) * 32 / 255 - 23;
  const std::uint64_t even = least + (size - least) % (usable_ - 4);
  const std::uint64_t local = size <= most ? size : even <= most ? even : least;
  Payload result;
  const auto take = [&](std::uint64_t from, std::uint64_t count, bool overflow) {
    result.segments.push_back({from, static_cast<std::uint32_t>(count), overflow});
    result.bytes += bytes_.substr(from, count);
  };
  take(offset, local, false);
  std::uint64_t pointer = offset + local;
  while (result.bytes.size() < size) {
    add(pointer, 4, Part::overflow_pointer);
    pointer = std::uint64_t{number(pointer, 4) - 1} * page_size_;
    take(pointer + 4, std::min<std::uint64_t>(usable_ - 4, size - result.bytes.size()), true);
    if (result.bytes.size() == size) add(pointer, 4, Part::overflow_pointer);  // zero: the last of the chain
  }
  return result;
}

void PageMap::map_payload(const Payload& payload, Tree tree, std::int64_t row) {
  const auto map = [&](std::uint64_t from, std::uint64_t size, Part part, int column) {
    std::uint64_t start = 0;
    for (const Segment& segment : payload.segments) {
      const std::uint64_t first = std::max(from, start);
      const std::uint64_t last = std::min(from + size, start + segment.size);
      if (first < last) {
        add(segment.offset + first - start, last - first, part);
        Region& region = regions_.back();
        region.row = row;
        region.column = column;
        region.at = static_cast<std::uint32_t>(first - from);
        region.overflow = segment.overflow;
        if (part == Part::column) columns_[{row, column}].push_back(region);
      }
      start += segment.size;
    }
  };
  if (tree == Tree::index) return map(0, payload.bytes.size(), Part::index_entry, 0);
  if (tree == Tree::other_table) return map(0, payload.bytes.size(), Part::other_table, 0);
  std::uint64_t at = 0;
  const std::uint64_t header = read_varint(payload.bytes, at);
  map(0, header, Part::record_header, 0);
  std::uint64_t content = header;
  for (int column = 0; at < header; ++column) {
    const std::uint64_t size = size_of(read_varint(payload.bytes, at));
    map(content, size, Part::column, column);
    content += size;
  }
}

void PageMap::map_free_pages() {
  for (std::uint32_t trunk = number(32, 4); trunk != 0;) {
    const std::uint64_t start = std::uint64_t{trunk - 1} * page_size_;
    add(start, page_size_, Part::free_page);
    for (std::uint32_t leaf = 0; leaf < number(start + 4, 4); ++leaf)
      add(std::uint64_t{number(start + 8 + 4 * std::uint64_t{leaf}, 4) - 1} * page_size_, page_size_, Part::free_page);
    trunk = number(start, 4);
  }
}

void PageMap::fill_slack() {
  const auto by_offset = [](const Region& a, const Region& b) { return a.offset < b.offset; };
  std::sort(regions_.begin(), regions_.end(), by_offset);
  const std::size_t mapped = regions_.size();
  std::uint64_t end = 0;
  for (std::size_t at = 0; at <= mapped; ++at) {
    const std::uint64_t next = at < mapped ? regions_[at].offset : bytes_.size();
    if (next < end) throw std::runtime_error("regions overlap at " + std::to_string(next));
    add(end, next - end, Part::slack);
    if (at < mapped) end = regions_[at].end();
  }
  std::sort(regions_.begin(), regions_.end(), by_offset);
}

}  // namespace pages
