#include "puller/page_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <utility>

namespace puller {

std::uint64_t page_hash(std::string_view page, std::uint64_t salt) {
  return XXH3_64bits_withSeed(page.data(), page.size(), salt);
}

std::uint32_t GroupHash::take() {
  return static_cast<std::uint32_t>(
      XXH3_64bits_withSeed(pages_, std::exchange(count_, 0) * sizeof *pages_, salt_));
}

void put_short_hash(std::string& bytes, std::uint32_t hash) {
  for (std::size_t i = 0; i < kShortHashBytes; ++i) bytes += static_cast<char>(hash >> (8 * i));
}

std::uint32_t short_hash_at(std::string_view bytes, std::size_t index) {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < kShortHashBytes; ++i)
    hash |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[index * kShortHashBytes + i])) << (8 * i);
  return hash;
}

}  // namespace puller
