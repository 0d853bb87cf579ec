// Images: the plain state.db that a snapshot's packed file stands for. Packing writes one against an earlier image of
// its day, unpacking follows that chain back (snapshot, step, keyframe: never longer) and checks every image on the
// way. Between the files of a cluster's directory and Store/Incoming. What it does not do: choose what to pack against
// (store/chain.hpp), or write down what it found damaged.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/fd.hpp"
#include "core/file.hpp"
#include "store/store.hpp"

namespace store {

/// A file of the store that did not give what its manifest promises, twice. Of kind damaged; names whose file it is.
class DamagedFile : public core::Error {
 public:
  DamagedFile(std::string snapshot, const std::string& message);
  const std::string& snapshot() const { return snapshot_; }

 private:
  std::string snapshot_;  // name, without the cluster
};

/// A plain image to be read in one piece: in memory, or a file that is mapped where it is large.
class Image {
 public:
  /// An image of `size_bytes` to be written to, for the empty file `fd`, which a small one does not need. Throws:
  /// storage (a full disk says so).
  static Image make(core::Fd fd, std::uint64_t size_bytes);
  /// Throws: as open_file, storage.
  static Image read(const std::filesystem::path& path);
  Image(Image&& other) noexcept;
  Image& operator=(Image&&) = delete;
  ~Image();

  std::string_view bytes() const { return {address_, size_}; }
  std::span<char> writable() { return {address_, size_}; }
  /// Brings what was written into the file. Throws: storage, cancelled.
  void save() const;

 private:
  Image(core::Fd fd, std::uint64_t size_bytes) : fd_(std::move(fd)), size_(size_bytes) {}
  void map(int protection, int flags, int fd);

  core::Fd fd_;
  char* address_ = nullptr;
  std::size_t size_ = 0;
  bool in_memory_ = false;
};

/// Unpacks the images of one cluster; those that others are patches of stay for the next that needs them.
class Unpacker {
 public:
  /// `scratch`: directory on a disk with room for two plain images.
  Unpacker(std::filesystem::path cluster_directory, std::filesystem::path scratch);

  /// Writes the database of snapshot `name` to the new file `target` (0600, not flushed). Throws: DamagedFile, storage,
  /// cancelled. Leaves: no file on failure.
  core::CopiedFile unpack(const std::string& name, const std::filesystem::path& target);

  /// The image of snapshot `name`, to pack against. Throws: as above.
  const Image& image(const std::string& name);

  /// Gives up the images that are kept, and the files that large ones lie in.
  void forget() { images_.clear(); }

  /// The snapshots whose images came out whole, and their hashes.
  const std::map<std::string, std::string>& checked() const { return checked_; }

 private:
  const Image& image(const std::string& name, int patches_allowed);
  Image unpack_to(core::Fd file, const std::string& name, int patches_allowed);

  std::filesystem::path cluster_directory_;
  std::filesystem::path scratch_;
  std::map<std::string, Image> images_;
  std::map<std::string, std::string> checked_;
};

struct Packed {
  core::CopiedFile plain;
  core::CopiedFile packed;
};

/// Packs the plain image `source`, as a patch on `reference` where that is given, into `target` (new, 0600, flushed),
/// then unpacks that again and compares. Throws: storage, cancelled. Leaves: no target on failure.
Packed pack(const std::filesystem::path& source, const Image* reference, const std::filesystem::path& target);

}  // namespace store
