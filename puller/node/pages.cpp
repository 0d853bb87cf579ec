#include "puller/node/pages.hpp"

#include <algorithm>
#include <bit>

#include "core/sha256.hpp"
#include "puller/node/compressor.hpp"
#include "puller/page_hash.hpp"

namespace node {
namespace {

using puller::kGroupPages;
using puller::kPageParts;

// What an hour changes is small and worth the node's time; a first pull is not.
constexpr std::uint64_t kSmallBytes = 16U << 20U;

constexpr char kTableLeaf = 13;  // first byte of such a page. Source: sqlite.org/fileformat2.html, 1.6

class RecordWriter {
 public:
  RecordWriter(Compressor::Effort effort, const std::function<void(std::string_view)>& out) : stream_(effort, out) {}

  void put(std::uint32_t number, unsigned parts, std::string_view page) {
    std::string head;
    std::uint32_t distance = number - last_;
    for (; distance >= 0x80; distance >>= 7U) head += static_cast<char>(0x80U | (distance & 0x7fU));
    head += static_cast<char>(distance);
    head += static_cast<char>(parts & 0xffU);
    head += static_cast<char>(parts >> 8U);
    last_ = number;
    stream_.put(head);
    for (std::uint32_t part = 0; part < kPageParts; ++part)
      if ((parts >> part & 1U) != 0) stream_.put(puller::page_part(page, part));
  }

  void begin_again() {
    stream_.put(std::string_view("\0", 1));
    last_ = 0;
  }

  void finish() { stream_.finish(); }

 private:
  Compressor stream_;
  std::uint32_t last_ = 0;
};

unsigned different_parts(std::string_view page, std::string_view hashes, std::size_t first_hash, std::uint64_t salt) {
  unsigned parts = 0;
  for (std::uint32_t part = 0; part < kPageParts; ++part)
    if (puller::short_hash(puller::page_part(page, part), salt) != puller::short_hash_at(hashes, first_hash + part))
      parts |= 1U << part;
  return parts;
}

}  // namespace

Scan scan(ReadTransaction& database, std::optional<std::uint64_t> salt, const Tick& tick) {
  core::Sha256 sha256;
  puller::GroupHasher groups(salt.value_or(0));
  database.for_each_page([&](std::uint32_t, std::string_view page) {
    tick();
    sha256.update(page);
    if (salt) groups.add(page);
  });
  return {sha256.hex_digest(), groups.finish()};
}

std::string differing_groups(std::string_view groups, const Base& base) {
  const std::size_t count = groups.size() / puller::kShortHashBytes;
  const std::size_t known = base.groups.size() / puller::kShortHashBytes;
  std::string differing = puller::empty_bits(count);
  for (std::size_t i = 0; i < count; ++i)
    if (i >= known || puller::short_hash_at(groups, i) != puller::short_hash_at(base.groups, i))
      puller::set_bit(differing, i);
  return differing;
}

std::vector<std::uint32_t> pages_of(std::string_view differing, std::uint32_t page_count) {
  std::size_t groups = 0;
  for (const char byte : differing) groups += static_cast<std::size_t>(std::popcount(static_cast<unsigned char>(byte)));
  std::vector<std::uint32_t> pages;
  pages.reserve(std::min<std::size_t>(groups * kGroupPages, page_count));
  for (std::uint32_t index = 0; index < page_count; ++index)
    if (puller::has_bit(differing, index / kGroupPages)) pages.push_back(index);
  return pages;
}

std::uint32_t known_pages(const std::vector<std::uint32_t>& pages, const Base& base) {
  return static_cast<std::uint32_t>(std::lower_bound(pages.begin(), pages.end(), base.page_count) - pages.begin());
}

std::string changed_pages(ReadTransaction& database, const std::vector<std::uint32_t>& pages, std::string_view hashes,
                          const Base& base, const Tick& tick) {
  std::string changed = puller::empty_bits(pages.size());
  for (std::size_t i = 0; i < pages.size(); ++i) {
    tick();
    if (pages[i] >= base.page_count ||
        puller::short_hash(database.page(pages[i] + 1), base.salt) != puller::short_hash_at(hashes, i))
      puller::set_bit(changed, i);
  }
  return changed;
}

void send_pages(ReadTransaction& database, const std::vector<std::uint32_t>& pages, std::string_view part_hashes,
                std::uint64_t salt, const Tick& tick, const std::function<void(std::string_view)>& out) {
  constexpr unsigned all = (1U << kPageParts) - 1;
  const std::size_t known = part_hashes.size() / puller::kShortHashBytes / kPageParts;
  const bool small = std::uint64_t{pages.size()} * database.page_size_bytes() <= kSmallBytes;
  RecordWriter records(small ? Compressor::Effort::thorough : Compressor::Effort::quick, out);
  const auto send_those = [&](const auto& requested) {
    for (std::size_t i = 0; i < pages.size(); ++i) {
      tick();
      const std::string_view page = database.page(pages[i] + 1);
      if (!requested(page)) continue;
      records.put(pages[i] + 1, i < known ? different_parts(page, part_hashes, i * kPageParts, salt) : all, page);
    }
  };
  if (small) {
    send_those([](std::string_view page) { return page.front() != kTableLeaf; });
    records.begin_again();
    send_those([](std::string_view page) { return page.front() == kTableLeaf; });
  } else {
    send_those([](std::string_view) { return true; });
  }
  records.finish();
}

}  // namespace node
