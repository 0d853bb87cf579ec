#include "puller/node/pages.hpp"

#include <algorithm>

#include "core/sha256.hpp"
#include "puller/node/compressor.hpp"
#include "puller/page_hash.hpp"

namespace node {
namespace {

using puller::GroupHash;
using puller::kGroupPages;

bool bit(std::string_view bits, std::uint32_t index) {
  return (static_cast<unsigned char>(bits[index / 8]) >> (index % 8) & 1U) != 0;
}

bool comparable(const ReadTransaction& database, const std::optional<Base>& base) {
  return base && base->page_size_bytes == database.page_size_bytes();
}

std::uint32_t groups_of(std::uint32_t page_count) {
  return static_cast<std::uint32_t>((std::uint64_t{page_count} + kGroupPages - 1) / kGroupPages);
}

// Compares group after group with the base's; marks those that differ.
class GroupComparison {
 public:
  explicit GroupComparison(const Base& base, std::uint32_t page_count)
      : base_(base), hash_(base.salt), differing_((groups_of(page_count) + 7) / 8, '\0') {}

  void add(std::string_view page) {
    hash_.add(puller::page_hash(page, base_.salt));
    if (hash_.full()) close();
  }

  std::string finish() {
    if (!hash_.empty()) close();
    return std::move(differing_);
  }

 private:
  void close() {
    const std::uint32_t hash = hash_.take();
    const bool known = std::size_t{group_} * puller::kShortHashBytes < base_.groups.size();
    if (!known || puller::short_hash_at(base_.groups, group_) != hash)
      differing_[group_ / 8] = static_cast<char>(differing_[group_ / 8] | (1U << (group_ % 8)));
    ++group_;
  }

  const Base& base_;
  GroupHash hash_;
  std::string differing_;
  std::uint32_t group_ = 0;
};

class RecordWriter {
 public:
  explicit RecordWriter(const std::function<void(std::string_view)>& out) : stream_(out) {}

  void put(std::uint32_t number, std::string_view page) {
    std::string distance;
    std::uint32_t left = number - last_;
    for (; left >= 0x80; left >>= 7U) distance += static_cast<char>(0x80U | (left & 0x7fU));
    distance += static_cast<char>(left);
    last_ = number;
    stream_.put(distance);
    stream_.put(page);
  }

  void finish() { stream_.finish(); }

 private:
  Compressor stream_;
  std::uint32_t last_ = 0;
};

}  // namespace

Scan scan(ReadTransaction& database, const std::optional<Base>& base, const Tick& tick) {
  Scan result;
  core::Sha256 sha256;
  std::optional<GroupComparison> comparison;
  if (comparable(database, base)) comparison.emplace(*base, database.page_count());
  database.for_each_page([&](std::uint32_t, std::string_view page) {
    tick();
    sha256.update(page);
    if (comparison) comparison->add(page);
  });
  result.sha256 = sha256.hex_digest();
  if (comparison) result.differing = comparison->finish();
  return result;
}

std::uint64_t pages_in(std::string_view differing, std::uint32_t page_count) {
  std::uint64_t pages = 0;
  const std::uint32_t groups = std::min<std::uint32_t>(groups_of(page_count), static_cast<std::uint32_t>(differing.size() * 8));
  for (std::uint32_t group = 0; group < groups; ++group)
    if (bit(differing, group)) pages += std::min(kGroupPages, page_count - group * kGroupPages);
  return pages;
}

void send_pages(ReadTransaction& database, const std::optional<Base>& base, std::string_view differing,
                const std::optional<std::string>& hashes, const Tick& tick,
                const std::function<void(std::string_view)>& out) {
  RecordWriter records(out);
  if (!comparable(database, base)) {
    database.for_each_page([&](std::uint32_t number, std::string_view page) {
      tick();
      records.put(number, page);
    });
    records.finish();
    return;
  }
  std::size_t next_hash = 0;
  for (std::uint32_t group = 0; group < groups_of(database.page_count()); ++group) {
    if (!bit(differing, group)) continue;
    const std::uint32_t first = group * kGroupPages;
    const std::uint32_t end = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(std::uint64_t{first} + kGroupPages, database.page_count()));
    for (std::uint32_t index = first; index < end; ++index) {
      tick();
      const std::string_view page = database.page(index + 1);
      const bool same = hashes && index < base->page_count &&
                        puller::short_hash_at(*hashes, next_hash + (index - first)) ==
                            static_cast<std::uint32_t>(puller::page_hash(page, base->salt));
      if (!same) records.put(index + 1, page);
    }
    if (first < base->page_count) next_hash += std::min(kGroupPages, base->page_count - first);
  }
  records.finish();
}

}  // namespace node
