// How node and controller find out which pages differ: short salted hashes of groups of pages, then of single pages.
// The door to xxHash, used on both ends. A collision would leave a changed page out; the SHA-256 of the whole image
// catches that, and another salt with the next pull makes it go away.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace puller {

inline constexpr std::uint32_t kGroupPages = 16;
inline constexpr std::size_t kShortHashBytes = 4;  // on the wire, little-endian

/// 64 bits of which the lower 32 go over the wire. `page` is not empty.
std::uint64_t page_hash(std::string_view page, std::uint64_t salt);

/// The hash of up to kGroupPages pages that follow each other, from their page hashes.
class GroupHash {
 public:
  explicit GroupHash(std::uint64_t salt) : salt_(salt) {}
  void add(std::uint64_t page_hash) { pages_[count_++] = page_hash; }
  bool full() const { return count_ == kGroupPages; }
  bool empty() const { return count_ == 0; }
  /// Starts the next group.
  std::uint32_t take();

 private:
  std::uint64_t salt_;
  std::uint64_t pages_[kGroupPages] = {};
  std::uint32_t count_ = 0;
};

void put_short_hash(std::string& bytes, std::uint32_t hash);
std::uint32_t short_hash_at(std::string_view bytes, std::size_t index);

}  // namespace puller
