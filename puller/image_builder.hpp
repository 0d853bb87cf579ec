// The image of a node's database, made from the last one the store has and what the node sends of its own: short hashes
// are asked for in three steps (page_hash.hpp), then come records of what differs.
// Every number that comes from the node is checked before anything is done with it.
// What it does not do: publish anything; the store compares the image with the announced hash again.
#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.hpp"
#include "core/file.hpp"

namespace puller {

class ImageBuilder {
 public:
  /// `image`: file that holds the base, or does not exist. It becomes the node's image.
  explicit ImageBuilder(std::filesystem::path image);
  ~ImageBuilder();

  /// "base ..." and the hashes of its groups, for the request; empty without a base.
  std::string request();

  /// Answers to "differing" and "changed": "hashes ..." `page_count` is the node's. Throws: storage for what is out of
  /// place, or sets of another size.
  std::string page_hashes(std::string_view differing, std::uint64_t page_count);
  std::string part_hashes(std::string_view changed);

  /// The bytes of "PAGE_SIZE PAGE_COUNT SHA256". Throws: storage for what no image can be.
  static std::uint64_t size_announced(std::string_view announcement);

  /// "image PAGE_SIZE PAGE_COUNT SHA256". Throws: storage for what no image can be, or this disk has no room for.
  void begin(std::string_view announcement);

  /// The next bytes of the stream of records. Throws: storage.
  void feed(std::string_view block);

  /// For a node that sends its database as it is, and no stream of records: instead of begin(), feed() and finish().
  /// Throws: storage where this disk has no room for it.
  void begin_whole(std::uint64_t size_bytes);
  void append(std::string_view bytes);

  /// After the last: what was announced, and is there now. Throws: Mismatch, storage.
  core::CopiedFile finish();

  /// Gives up the file, as nothing more comes: its directory may be renamed.
  void close();

  std::uint32_t page_count() const { return page_count_; }
  std::uint32_t pages_changed() const { return pages_changed_; }

  /// The image came out another one than the node's: a collision of short hashes, or damage on the way.
  struct Mismatch : std::exception {
    const char* what() const noexcept override { return "the image came out another one than the node's"; }
  };

 private:
  struct Base;
  class Records;
  void check_room(std::uint64_t size_bytes) const;
  void write_part(std::uint64_t offset, std::string_view bytes);

  std::filesystem::path path_;
  core::Fd file_;
  std::unique_ptr<Base> base_;
  std::optional<std::vector<std::uint32_t>> asked_;  // pages of the base whose hashes were sent
  bool parts_asked_ = false;
  std::unique_ptr<Records> records_;
  std::uint32_t page_size_bytes_ = 0;
  std::uint32_t page_count_ = 0;
  std::uint32_t pages_changed_ = 0;
  std::uint64_t new_bytes_ = 0;  // that no base can have
  std::uint64_t written_bytes_ = 0;
  std::uint64_t received_bytes_ = 0;
  std::string sha256_;
  bool whole_ = false;  // all of it comes as it is
};

}  // namespace puller
