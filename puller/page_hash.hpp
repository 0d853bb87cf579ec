// How node and controller find out what differs between two images: short salted hashes, first of groups of pages, then
// of the pages of groups that differ, then of the parts of pages that differ. SQLite changes little in a page of an
// index, and moves nothing in it: most parts stay.
// The door to xxHash, used on both ends. A collision would leave a change out; the SHA-256 of the whole image catches
// that, and the next salt makes it go away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace puller {

inline constexpr std::uint32_t kGroupPages = 16;
inline constexpr std::uint32_t kPageParts = 16;
inline constexpr std::size_t kShortHashBytes = 3;             // on the wire, little-endian
inline constexpr std::uint32_t kBasePagesAtMost = 1U << 24U;  // of 64 GiB; the node keeps hashes of all of it in memory

/// Of a page, or of a part of one.
std::uint32_t short_hash(std::string_view bytes, std::uint64_t salt);

/// Part `index` of `page`, 0 to kPageParts - 1. A page's size is a power of two, 512 at least.
std::string_view page_part(std::string_view page, std::uint32_t index);

/// Groups of an image of so many pages; the last may have fewer than kGroupPages.
std::uint32_t group_count(std::uint32_t page_count);

/// Takes page after page, and appends a short hash to `hashes` for each group.
class GroupHasher {
 public:
  explicit GroupHasher(std::uint64_t salt) : salt_(salt) {}
  void add(std::string_view page);
  /// The hashes of all groups; the last is closed.
  std::string finish();

 private:
  void close();

  std::uint64_t salt_;
  std::uint64_t pages_[kGroupPages] = {};
  std::uint32_t count_ = 0;
  std::string hashes_;
};

void put_short_hash(std::string& hashes, std::uint32_t hash);
std::uint32_t short_hash_at(std::string_view hashes, std::size_t index);

/// Sets of numbers as bits, low bit of the first byte first.
std::string empty_bits(std::size_t count);
void set_bit(std::string& bits, std::size_t index);
bool has_bit(std::string_view bits, std::size_t index);

}  // namespace puller
