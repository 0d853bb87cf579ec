#include "store/image.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/sha256.hpp"
#include "store/manifest.hpp"
#include "store/zstd.hpp"

namespace store {
namespace {

constexpr std::size_t kBlockBytes = 1U << 18U;
constexpr int kPatchesAtMost = 2;

// Runs `work` on a file of snapshot `name`: what it finds wrong, or cannot read, is that file's damage.
template <class Work>
auto blaming(const std::string& name, std::string_view file, Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const core::Error& error) {
    const core::ErrorKind kind = error.kind();
    if (kind == core::ErrorKind::denied || kind == core::ErrorKind::cancelled) throw;
    throw DamagedFile(name, fmt::format("{}: {}", file, error.what()));
  }
}

// Size and hash of the packed file, as it was read.
core::CopiedFile decompress(const std::filesystem::path& packed, std::string_view reference, const Sink& sink) {
  Decompressor decompressor(reference, sink);
  const core::CopiedFile read = core::read_blocks(packed, [&](std::string_view block) { decompressor.feed(block); });
  decompressor.finish();
  return read;
}

}  // namespace

DamagedFile::DamagedFile(std::string snapshot, const std::string& message)
    : core::Error(core::ErrorKind::damaged, snapshot + ": " + message), snapshot_(std::move(snapshot)) {}

Image::Image(core::Fd file, std::uint64_t size_bytes) : fd_(std::move(file)), size_(size_bytes) {
  if (size_ == 0) return;
  address_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED | MAP_POPULATE, fd_.get(), 0);
  if (address_ == MAP_FAILED) throw core::system_error(errno, "mapping an unpacked image");
}

Image::Image(Image&& other) noexcept
    : fd_(std::move(other.fd_)),
      address_(std::exchange(other.address_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Image::~Image() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

Unpacker::Unpacker(std::filesystem::path cluster_directory, std::filesystem::path scratch)
    : cluster_directory_(std::move(cluster_directory)), scratch_(std::move(scratch)) {}

core::CopiedFile Unpacker::unpack(const std::string& name, const std::filesystem::path& target) {
  const core::Fd fd = core::open_file(target, O_WRONLY | O_CREAT | O_EXCL);
  try {
    return unpack_to(fd.get(), name, kPatchesAtMost);
  } catch (...) {
    ::unlink(target.c_str());
    throw;
  }
}

const Image& Unpacker::image(const std::string& name) { return image(name, kPatchesAtMost - 1); }

const Image& Unpacker::image(const std::string& name, int patches_allowed) {
  if (const auto found = images_.find(name); found != images_.end()) return found->second;
  core::Fd fd = core::open_file(scratch_, O_RDWR | O_TMPFILE);
  const core::CopiedFile written = unpack_to(fd.get(), name, patches_allowed);
  return images_.emplace(name, Image(std::move(fd), written.size_bytes)).first->second;
}

core::CopiedFile Unpacker::unpack_to(int fd, const std::string& name, int patches_allowed) {
  const std::filesystem::path directory = cluster_directory_ / name;
  const Manifest manifest = blaming(name, kManifestFile, [&] { return read_manifest(directory); });
  const PackedDatabase& packed = manifest.database;
  const BundleFile* plain = manifest.find(kDatabaseFile);
  if (plain == nullptr) throw DamagedFile(name, "manifest.json: it has no state.db");
  if (!packed.base.empty() && patches_allowed == 0)
    throw DamagedFile(name, fmt::format("manifest.json: a patch on {}, which is one too many", packed.base));
  const std::string_view reference =
      packed.base.empty() ? std::string_view() : image(packed.base, patches_allowed - 1).bytes();

  // What cannot be written to the target is no fault of the packed file.
  std::optional<core::Error> target_failure;
  core::Sha256 hash;
  core::CopiedFile written;
  const Sink write = [&](std::string_view block) {
    written.size_bytes += block.size();
    if (written.size_bytes > plain->size_bytes)
      throw core::Error(core::ErrorKind::damaged, "it holds more than its manifest says");
    hash.update(block);
    try {
      core::write_all(fd, block, "an unpacked image");
    } catch (const core::Error& error) {
      target_failure = error;
      throw;
    }
  };
  try {
    blaming(name, packed.file, [&] {
      const core::CopiedFile read = packed.file == kDatabaseFile
                                        ? core::read_blocks(directory / packed.file, write)
                                        : decompress(directory / packed.file, reference, write);
      if (read.sha256 != packed.sha256)
        throw core::Error(core::ErrorKind::damaged,
                          fmt::format("its sha256 is {}, stored was {}", read.sha256, packed.sha256));
      written.sha256 = hash.hex_digest();
      if (written.size_bytes != plain->size_bytes || written.sha256 != plain->sha256)
        throw core::Error(core::ErrorKind::damaged,
                          fmt::format("it gives {} bytes with sha256 {}, captured were {} with {}", written.size_bytes,
                                      written.sha256, plain->size_bytes, plain->sha256));
    });
  } catch (const DamagedFile&) {
    if (target_failure) throw *target_failure;
    throw;
  }
  checked_.insert(name);
  return written;
}

Packed pack(const std::filesystem::path& source, const Image* reference, const std::filesystem::path& target) {
  const std::string_view base = reference != nullptr ? reference->bytes() : std::string_view();
  const core::Fd out = core::open_file(target, O_WRONLY | O_CREAT | O_EXCL);
  try {
    Packed packed;
    core::Sha256 hash;
    Compressor compressor(std::filesystem::file_size(source), base, [&](std::string_view block) {
      core::write_all(out.get(), block, target);
      hash.update(block);
      packed.packed.size_bytes += block.size();
    });
    packed.plain = core::read_blocks(source, [&](std::string_view block) { compressor.feed(block); });
    compressor.finish();
    packed.packed.sha256 = hash.hex_digest();
    if (::fsync(out.get()) != 0) throw core::system_error(errno, "flushing " + target.string());
    core::Sha256 unpacked;
    decompress(target, base, [&](std::string_view block) { unpacked.update(block); });
    if (unpacked.hex_digest() != packed.plain.sha256)
      throw core::Error(core::ErrorKind::storage,
                        target.string() + " does not unpack to what was packed: check this machine's memory and disk");
    return packed;
  } catch (...) {
    ::unlink(target.c_str());
    throw;
  }
}

}  // namespace store
