#include "puller/page_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <utility>

namespace puller {
namespace {

constexpr std::uint32_t kShortHashMask = (1U << (8 * kShortHashBytes)) - 1;

}  // namespace

std::uint32_t short_hash(std::string_view bytes, std::uint64_t salt) {
  return static_cast<std::uint32_t>(XXH3_64bits_withSeed(bytes.data(), bytes.size(), salt)) & kShortHashMask;
}

std::string_view page_part(std::string_view page, std::uint32_t index) {
  const std::size_t size = page.size() / kPageParts;
  return page.substr(index * size, size);
}

std::uint32_t group_count(std::uint32_t page_count) {
  return page_count / kGroupPages + (page_count % kGroupPages == 0 ? 0 : 1);
}

void GroupHasher::add(std::string_view page) {
  pages_[count_++] = XXH3_64bits_withSeed(page.data(), page.size(), salt_);
  if (count_ == kGroupPages) close();
}

void GroupHasher::close() {
  const std::size_t size = std::exchange(count_, 0) * sizeof *pages_;
  put_short_hash(hashes_, short_hash({reinterpret_cast<const char*>(pages_), size}, salt_));
}

std::string GroupHasher::finish() {
  if (count_ > 0) close();
  return std::move(hashes_);
}

void put_short_hash(std::string& hashes, std::uint32_t hash) {
  for (std::size_t i = 0; i < kShortHashBytes; ++i) hashes += static_cast<char>(hash >> (8 * i));
}

std::uint32_t short_hash_at(std::string_view hashes, std::size_t index) {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < kShortHashBytes; ++i)
    hash |= std::uint32_t{static_cast<unsigned char>(hashes[index * kShortHashBytes + i])} << (8 * i);
  return hash;
}

std::string empty_bits(std::size_t count) { return std::string((count + 7) / 8, '\0'); }

void set_bit(std::string& bits, std::size_t index) {
  bits[index / 8] = static_cast<char>(static_cast<unsigned char>(bits[index / 8]) | (1U << (index % 8)));
}

bool has_bit(std::string_view bits, std::size_t index) {
  return index / 8 < bits.size() && (static_cast<unsigned char>(bits[index / 8]) >> (index % 8) & 1U) != 0;
}

}  // namespace puller
