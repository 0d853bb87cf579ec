// What each byte of a kine database file is: which page, which tree, which row, which column. Read from the file format
// on its own, without SQLite's library but for the names of the trees, so that a test can hit what it means to hit.
// What it does not do: read a database that is damaged, or one with a WAL.
// Source: https://www.sqlite.org/fileformat2.html
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pages {

enum class Part {
  file_header,
  page_header,    // of a b-tree page: type, counts, where the content starts
  cell_pointers,  // where the cells are
  cell_head,      // sizes, rowids and child pages
  record_header,  // types of the columns
  column,         // of a row of table kine
  index_entry,
  other_table,  // a row of another table
  overflow_pointer,
  free_page,
  slack,  // of a used page, holding nothing
};

std::string_view to_string(Part part);

struct Region {
  std::uint64_t offset = 0;  // in the file
  std::uint32_t size = 0;
  Part part = Part::slack;
  std::int64_t row = 0;   // of table kine: its id
  int column = 0;         // of table kine, as kine declares them: 7 is value, 8 is old_value
  std::uint32_t at = 0;   // of the column's bytes, where the region starts
  bool overflow = false;  // on an overflow page
  std::uint64_t end() const { return offset + size; }
};

constexpr int kValue = 7;
constexpr int kOldValue = 8;

class PageMap {
 public:
  /// Throws: runtime_error when the file is not sound.
  explicit PageMap(const std::filesystem::path& file);

  const std::vector<Region>& regions() const { return regions_; }  // all of the file, by offset, without overlap
  const Region& at(std::uint64_t offset) const;
  const std::vector<Region>& column_of(std::int64_t row, int column) const;  // in order; empty when there is none
  std::string content_of(std::int64_t row, int column) const;
  /// Numbers from 1: leaves of table kine, and all that are in a tree.
  const std::vector<std::uint32_t>& kine_leaves() const { return kine_leaves_; }
  const std::vector<std::uint32_t>& tree_pages() const { return tree_pages_; }

  std::uint32_t page_size() const { return page_size_; }
  std::uint32_t page_count() const { return static_cast<std::uint32_t>(bytes_.size() / page_size_); }
  const std::string& bytes() const { return bytes_; }

 private:
  enum class Tree { kine, other_table, index };
  struct Segment {
    std::uint64_t offset;
    std::uint32_t size;
    bool overflow;
  };
  struct Payload {
    std::vector<Segment> segments;
    std::string bytes;
  };

  std::uint32_t number(std::uint64_t offset, int count) const;
  std::uint64_t varint(std::uint64_t& offset) const;
  void walk(std::uint32_t page, Tree tree);
  void walk_cell(std::uint64_t offset, unsigned type, Tree tree);
  Payload payload(std::uint64_t offset, std::uint64_t size, bool table_leaf);
  void map_payload(const Payload& payload, Tree tree, std::int64_t row);
  void map_free_pages();
  void fill_slack();
  void add(std::uint64_t offset, std::uint64_t size, Part part);

  std::string bytes_;
  std::uint32_t page_size_ = 0;
  std::uint32_t usable_ = 0;
  std::vector<Region> regions_;
  std::vector<std::uint32_t> kine_leaves_;
  std::vector<std::uint32_t> tree_pages_;
  std::map<std::pair<std::int64_t, int>, std::vector<Region>> columns_;
};

}  // namespace pages
