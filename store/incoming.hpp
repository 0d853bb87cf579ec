// A snapshot on its way in. Between whoever brings the bytes (puller, import) and the store: small files are added, the
// plain database is made at image(), and commit() packs it and publishes the whole under its name.
// What it does not do: look into the database, or decide about retention.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/image.hpp"
#include "store/order.hpp"
#include "store/store.hpp"

namespace store {

class Incoming {
 public:
  /// Made by Store::receive(). Throws: storage.
  Incoming(std::filesystem::path cluster_directory, std::string cluster);
  Incoming(Incoming&&) = delete;
  /// Removes all of it when there was no commit.
  ~Incoming();

  /// The directory whose owner all of it is to belong to: who makes image() does so under core::AsOwner of it.
  std::filesystem::path root() const { return cluster_directory_.parent_path(); }

  /// Where the caller makes the plain database (0600). Not there at first.
  const std::filesystem::path& image() const { return image_; }

  /// Unpacks the newest snapshot that is not lost to image(), for a caller who then changes only what differs. Every
  /// file that takes part is checked; one found damaged is written down, and the newest that needs none of it is taken.
  /// Returns which it is; empty, and no image(), when there is none. Throws: storage, cancelled.
  std::optional<Snapshot> unpack_newest();

  /// Whether a small file of that name and size may be added to those that were. Throws: storage, saying which limit
  /// of store/limits.hpp it is beyond.
  void check_limits(std::string_view path, std::uint64_t size_bytes) const;

  /// Adds one small file beside the database. Throws: storage, also for more than store/limits.hpp allows.
  void add(std::string_view path, std::string_view content);

  /// Packs image(), which must be the `announced` bytes, into a keyframe or a patch against an earlier image of its
  /// day, proves that this unpacks to the same, removes image(), adds manifest.json last and renames into place.
  /// `described` needs no name, sequence, bundle and database; its taken_at gives the name, `arrival` its place. What
  /// is packed against is of the same cluster, by `described`'s identity; the snapshot returned says whether that is
  /// the series'. Throws: storage (also when the name is taken, or image() holds other bytes). Leaves: no snapshot on
  /// failure.
  Snapshot commit(Manifest described, const core::CopiedFile& announced, Arrival arrival);

 private:
  PackedDatabase pack_image(const Snapshot& incoming, const core::CopiedFile& announced);
  const Image* reference(std::string& base, const Snapshot& incoming);
  void check_files() const;
  void found_damaged(const DamagedFile& damage);
  std::vector<Snapshot> stored() const;

  std::filesystem::path cluster_directory_;
  std::string cluster_;
  std::filesystem::path directory_;
  std::filesystem::path image_;
  Unpacker unpacker_;
  std::vector<BundleFile> files_;
  std::set<std::string> damaged_;  // snapshots whose files were found damaged
  bool committed_ = false;
};

}  // namespace store
