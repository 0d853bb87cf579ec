#include "store/incoming.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "core/as_owner.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"
#include "core/mutation.hpp"
#include "core/sha256.hpp"
#include "store/catalogue.hpp"
#include "store/chain.hpp"
#include "store/limits.hpp"
#include "store/manifest.hpp"
#include "store/zstd.hpp"

namespace store {

Incoming::Incoming(std::filesystem::path cluster_directory, std::string cluster)
    : cluster_directory_(std::move(cluster_directory)),
      cluster_(std::move(cluster)),
      directory_(cluster_directory_ / (std::string(kIncomingPrefix) + core::format_compact(core::utc_now()))),
      image_(directory_ / kDatabaseFile),
      unpacker_(cluster_directory_, directory_) {
  if (::mkdir(directory_.c_str(), 0700) != 0) throw core::system_error(errno, "making " + directory_.string());
}

Incoming::~Incoming() {
  if (committed_) return;
  try {
    const core::AsOwner as(root());
    core::remove_tree(directory_);
  } catch (const core::Error&) {
    // What stays is removed by the next pull.
  }
}

void Incoming::found_damaged(const DamagedFile& damage) {
  core::log_error(fmt::format("{}/{}", cluster_, damage.what()));
  note_damage(cluster_directory_ / damage.snapshot(), damage.what());
  damaged_.insert(damage.snapshot());
}

// Those that can be built on, oldest first; what was found damaged is lost whether that could be written down or not.
std::vector<Snapshot> Incoming::stored() const {
  std::vector<Snapshot> snapshots = load_snapshots(cluster_directory_);
  std::set<std::string> lost = damaged_;
  for (Snapshot& snapshot : snapshots) {
    if (!lost.contains(snapshot.manifest.name) && !lost.contains(snapshot.manifest.database.base)) continue;
    lost.insert(snapshot.manifest.name);
    snapshot.lost = "found damaged";
  }
  return snapshots;
}

std::optional<Snapshot> Incoming::unpack_newest() {
  const core::AsOwner as(root());
  while (true) {
    const std::vector<Snapshot> snapshots = stored();
    const auto newest =
        std::find_if(snapshots.rbegin(), snapshots.rend(), [](const Snapshot& snapshot) { return !snapshot.lost; });
    if (newest == snapshots.rend()) return std::nullopt;
    try {
      unpacker_.unpack(newest->manifest.name, image_);
      return *newest;
    } catch (const DamagedFile& damage) {
      found_damaged(damage);
    }
  }
}

// Throws: storage, saying which limit it is.
void Incoming::check_limits(std::string_view path, std::uint64_t size_bytes) const {
  const auto refuse = [](std::string message) { throw core::Error(core::ErrorKind::storage, std::move(message)); };
  if (path.size() > kFileNameBytes)
    refuse(fmt::format("a file whose name has {} bytes, more than the {} that a snapshot takes: give it a shorter one",
                       path.size(), kFileNameBytes));
  if (size_bytes > kSmallFileBytes)
    refuse(
        fmt::format("{} has {} bytes, more than the {} that a snapshot takes of one file: k3s needs far less; make "
                    "it smaller on the node",
                    path, size_bytes, kSmallFileBytes));
  if (files_.size() >= kSmallFiles)
    refuse(
        fmt::format("more than the {} files that a snapshot takes beside the database: k3s needs far fewer parts in "
                    "config.yaml.d; put them together on the node",
                    kSmallFiles));
  std::uint64_t together = size_bytes;
  for (const BundleFile& file : files_) together += file.size_bytes;
  if (together > kSmallFilesBytes)
    refuse(
        fmt::format("the files beside the database have more than the {} bytes that a snapshot takes of them: make "
                    "config.yaml.d smaller on the node",
                    kSmallFilesBytes));
}

void Incoming::add(std::string_view path, std::string_view content) {
  assert(path != kDatabaseFile);
  check_limits(path, content.size());
  const core::AsOwner as(root());
  core::write_new_file(directory_ / path, content);
  if (core::mutated("store-open-modes")) ::chmod((directory_ / path).c_str(), 0644);
  files_.push_back({std::string(path), content.size(), core::sha256_hex(content)});
}

// The image that this one is packed against; none for a keyframe. `base` becomes its name.
const Image* Incoming::reference(std::string& base, const Snapshot& incoming) {
  while (true) {
    std::vector<Snapshot> snapshots = stored();
    std::erase_if(snapshots,
                  [&](const Snapshot& one) { return !is_before(one, incoming) || !are_of_one_cluster(one, incoming); });
    base = choose_base(snapshots, incoming.manifest.taken_at);
    if (base.empty()) return nullptr;
    try {
      const Image& image = unpacker_.image(base);
      if (image.bytes().size() <= kPatchableBytes) return &image;
      base.clear();
      return nullptr;
    } catch (const DamagedFile& damage) {
      found_damaged(damage);
    }
  }
}

PackedDatabase Incoming::pack_image(const Snapshot& incoming, const core::CopiedFile& announced) {
  PackedDatabase database;
  const Image* base = announced.size_bytes <= kPatchableBytes ? reference(database.base, incoming) : nullptr;
  database.file = base == nullptr ? kKeyframeFile : kPatchFile;
  const Packed packed = pack(image_, base, directory_ / database.file);
  const bool same = packed.plain.size_bytes == announced.size_bytes && packed.plain.sha256 == announced.sha256;
  if (!same && !core::mutated("store-no-check"))
    throw core::Error(
        core::ErrorKind::storage,
        fmt::format("state.db has {} bytes with sha256 {}, announced were {} with {}: check this disk",
                    packed.plain.size_bytes, packed.plain.sha256, announced.size_bytes, announced.sha256));
  database.size_bytes = packed.packed.size_bytes;
  database.sha256 = packed.packed.sha256;
  if (::unlink(image_.c_str()) != 0) throw core::system_error(errno, "removing " + image_.string());
  return database;
}

void Incoming::check_files() const {
  for (const BundleFile& file : files_) {
    const core::CopiedFile read_back = core::hash_file(directory_ / file.path);
    if (read_back.size_bytes != file.size_bytes || read_back.sha256 != file.sha256)
      throw core::Error(core::ErrorKind::storage,
                        fmt::format("{} reads back differently from what was written: check this disk",
                                    (directory_ / file.path).string()));
  }
}

Snapshot Incoming::commit(Manifest described, const core::CopiedFile& announced, Arrival arrival) {
  const core::AsOwner as(root());
  Snapshot snapshot;
  snapshot.manifest = std::move(described);
  Manifest& manifest = snapshot.manifest;
  manifest.cluster = cluster_;
  manifest.name = core::format_compact(manifest.taken_at);
  snapshot.directory = cluster_directory_ / manifest.name;
  if (std::filesystem::exists(snapshot.directory))
    throw core::Error(core::ErrorKind::storage,
                      fmt::format("snapshot {}/{} is already there", cluster_, manifest.name));
  const std::vector<Snapshot> snapshots = load_snapshots(cluster_directory_);
  manifest.sequence = sequence_for(snapshots, manifest.taken_at, arrival);
  if (const auto series = series_of(cluster_directory_, snapshots))
    snapshot.of_another_cluster =
        core::are_different(*series, manifest.identity) && !core::mutated("store-any-cluster");
  check_files();
  if (core::mutated("store-no-rename")) {
    std::filesystem::rename(directory_, snapshot.directory);
    directory_ = snapshot.directory;
    image_ = directory_ / kDatabaseFile;
  }
  manifest.database = pack_image(snapshot, announced);
  manifest.bundle = files_;
  manifest.bundle.insert(manifest.bundle.begin(), {std::string(kDatabaseFile), announced.size_bytes, announced.sha256});
  const std::string described_as = to_json(manifest);
  if (described_as.size() > kManifestBytes)
    throw core::Error(core::ErrorKind::storage, fmt::format("its manifest would have {} bytes, more than the {} that "
                                                            "are read again",
                                                            described_as.size(), kManifestBytes));
  core::write_new_file(directory_ / kManifestFile, described_as);
  core::sync_directory(directory_);
  unpacker_.forget();  // not every file system renames a directory while a file in it is open
  if (::rename(directory_.c_str(), snapshot.directory.c_str()) != 0)
    throw core::system_error(errno, "publishing " + snapshot.directory.string());
  committed_ = true;
  core::sync_directory(cluster_directory_);
  return snapshot;
}

}  // namespace store
