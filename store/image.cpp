#include "store/image.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <future>
#include <utility>
#include <vector>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"
#include "core/sha256.hpp"
#include "store/manifest.hpp"
#include "store/zstd.hpp"

namespace store {
namespace {

constexpr std::size_t kBlockBytes = 1U << 20U;
constexpr int kPatchesAtMost = 2;
constexpr std::uint64_t kInMemoryBytes = 256U << 20U;

// So that it is read from the disk once more, and not what memory has of it.
void forget_pages_of(const std::filesystem::path& path) {
  const core::Fd fd = core::open_regular_file(path);
  ::fdatasync(fd.get());
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
}

// Reads `file` of the snapshot `name` by `work`. What does not fit is read a second time, and only then that file's
// damage; what cannot be read is our trouble and no damage.
template <class Work>
auto reading(const std::filesystem::path& file, const std::string& name, Work&& work) -> decltype(work()) {
  const std::string file_name = file.filename();
  std::string first;
  try {
    return work();
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::not_found)
      throw core::Error(core::ErrorKind::damaged, fmt::format("{}: {} is missing", name, file_name));
    if (error.kind() != core::ErrorKind::damaged) throw;
    first = error.what();
  }
  forget_pages_of(file);
  try {
    auto result = work();
    core::log_warning(
        fmt::format("{}: {} was read wrongly once and rightly the second time: check this machine's memory "
                    "and disk ({})",
                    name, file_name, first));
    return result;
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged) throw;
    throw DamagedFile(name, fmt::format("{}: {}", file_name, error.what()));
  }
}

// Size and hash of the packed file, as it was read.
core::CopiedFile decompress(const std::filesystem::path& packed, std::string_view reference, std::span<char> content) {
  Decompressor decompressor(reference, content);
  const core::Fd fd = core::open_regular_file(packed);
  const core::CopiedFile read =
      core::read_blocks(fd.get(), packed, [&](std::string_view block) { decompressor.feed(block); });
  decompressor.finish();
  return read;
}

core::CopiedFile copy(const std::filesystem::path& plain, std::span<char> content) {
  std::size_t at = 0;
  const core::Fd fd = core::open_regular_file(plain);
  return core::read_blocks(fd.get(), plain, [&](std::string_view block) {
    if (block.size() > content.size() - at) throw core::Error(core::ErrorKind::damaged, "it is longer than it was");
    block.copy(content.data() + at, block.size());
    at += block.size();
  });
}

// A manifest may promise any size; room for it is made only when the frame announces the same.
bool check_announcement(const std::filesystem::path& packed, std::uint64_t size_bytes) {
  const core::Fd fd = core::open_regular_file(packed);
  std::array<char, kAnnouncementBytes> beginning;
  const ssize_t got = ::pread(fd.get(), beginning.data(), beginning.size(), 0);
  if (got < 0) throw core::system_error(errno, "reading " + packed.string());
  const auto announced = announced_size({beginning.data(), static_cast<std::size_t>(got)});
  if (announced && *announced != size_bytes)
    throw core::Error(core::ErrorKind::damaged,
                      fmt::format("it holds {} bytes, its manifest says {}", *announced, size_bytes));
  return announced.has_value();
}

bool fits_memory(std::uint64_t size_bytes) { return size_bytes <= kInMemoryBytes; }

// A file that has no name and goes with its descriptor.
core::Fd unnamed_file(const std::filesystem::path& directory) {
  std::string name = (directory / ".drill-XXXXXX").string();
  core::Fd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) throw core::system_error(errno, "making a file in " + directory.string());
  ::unlink(name.c_str());
  return fd;
}

}  // namespace

DamagedFile::DamagedFile(std::string snapshot, const std::string& message)
    : core::Error(core::ErrorKind::damaged, snapshot + ": " + message), snapshot_(std::move(snapshot)) {}

void Image::map(int protection, int flags, int fd) {
  if (size_ == 0) return;
  void* const address = ::mmap(nullptr, size_, protection, flags, fd, 0);
  if (address == MAP_FAILED) throw core::system_error(errno, "mapping an image");
  address_ = static_cast<char*>(address);
}

Image Image::make(core::Fd fd, std::uint64_t size_bytes) {
  Image image(std::move(fd), size_bytes);
  image.in_memory_ = fits_memory(size_bytes);
  if (image.in_memory_) {
    image.map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    ::madvise(image.address_, size_bytes, MADV_HUGEPAGE);  // a fault for each 4 KiB takes longer than unpacking
    return image;
  }
  // A mapped file has no way to say that the disk is full: its room is taken beforehand.
  if (const int error = ::posix_fallocate(image.fd_.get(), 0, static_cast<off_t>(size_bytes)); error != 0)
    throw core::system_error(error, "making room for an unpacked image");
  image.map(PROT_READ | PROT_WRITE, MAP_SHARED, image.fd_.get());
  return image;
}

// A mapped file has no way to say that a disk, or the way to it, fails: only what is too large for memory is mapped;
// and that for ourselves alone, as not every file system lets others have a part in it.
Image Image::read(const std::filesystem::path& path) {
  const std::uint64_t size_bytes = std::filesystem::file_size(path);
  if (fits_memory(size_bytes)) {
    Image image = make(core::Fd(), size_bytes);
    copy(path, image.writable());
    return image;
  }
  Image image(core::open_regular_file(path), size_bytes);
  image.map(PROT_READ, MAP_PRIVATE | MAP_POPULATE, image.fd_.get());
  return image;
}

void Image::save() const {
  if (!in_memory_) return;
  for (std::size_t at = 0; at < size_; at += kBlockBytes) {
    core::throw_if_cancelled();
    core::write_all(fd_.get(), bytes().substr(at, kBlockBytes), "an unpacked image");
  }
}

Image::Image(Image&& other) noexcept
    : fd_(std::move(other.fd_)),
      address_(std::exchange(other.address_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      in_memory_(other.in_memory_) {}

Image::~Image() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

Unpacker::Unpacker(std::filesystem::path cluster_directory, std::filesystem::path scratch)
    : cluster_directory_(std::move(cluster_directory)), scratch_(std::move(scratch)) {}

core::CopiedFile Unpacker::unpack(const std::string& name, const std::filesystem::path& target) {
  core::Fd fd = core::open_file(target, O_RDWR | O_CREAT | O_EXCL);
  try {
    const Image image = unpack_to(std::move(fd), name, kPatchesAtMost);
    image.save();
    return {image.bytes().size(), checked_.at(name)};
  } catch (...) {
    ::unlink(target.c_str());
    throw;
  }
}

const Image& Unpacker::image(const std::string& name) { return image(name, kPatchesAtMost - 1); }

const Image& Unpacker::image(const std::string& name, int patches_allowed) {
  if (const auto found = images_.find(name); found != images_.end()) return found->second;
  return images_.emplace(name, unpack_to(core::Fd(), name, patches_allowed)).first->second;
}

Image Unpacker::unpack_to(core::Fd file, const std::string& name, int patches_allowed) {
  const std::filesystem::path directory = cluster_directory_ / name;
  const Manifest manifest = reading(directory / kManifestFile, name, [&] { return read_manifest(directory); });
  const PackedDatabase& packed = manifest.database;
  const BundleFile* plain = manifest.find(kDatabaseFile);
  if (plain == nullptr) throw DamagedFile(name, "manifest.json: it has no state.db");
  if (!packed.base.empty() && patches_allowed == 0)
    throw DamagedFile(name, fmt::format("manifest.json: a patch on {}, which is one too many", packed.base));
  const std::string_view reference =
      packed.base.empty() ? std::string_view() : image(packed.base, patches_allowed - 1).bytes();

  const std::filesystem::path path = directory / packed.file;
  if (packed.file != kDatabaseFile) reading(path, name, [&] { return check_announcement(path, plain->size_bytes); });
  if (!file && !fits_memory(plain->size_bytes)) file = unnamed_file(scratch_);
  Image image = Image::make(std::move(file), plain->size_bytes);
  reading(path, name, [&] {
    const core::CopiedFile read =
        packed.file == kDatabaseFile ? copy(path, image.writable()) : decompress(path, reference, image.writable());
    if (read.sha256 != packed.sha256)
      throw core::Error(core::ErrorKind::damaged,
                        fmt::format("its sha256 is {}, stored was {}", read.sha256, packed.sha256));
    const std::string sha256 = core::sha256_hex(image.bytes());
    if (sha256 != plain->sha256)
      throw core::Error(core::ErrorKind::damaged,
                        fmt::format("it gives a database with sha256 {}, captured was {}", sha256, plain->sha256));
    return read;
  });
  checked_[name] = plain->sha256;
  return image;
}

Packed pack(const std::filesystem::path& source, const Image* reference, const std::filesystem::path& target) {
  const std::string_view base = reference != nullptr ? reference->bytes() : std::string_view();
  const Image image = Image::read(source);
  const core::Fd out = core::open_file(target, O_WRONLY | O_CREAT | O_EXCL);
  try {
    auto plain_hash =
        std::async(std::launch::async | std::launch::deferred, [&] { return core::sha256_hex(image.bytes()); });
    Packed packed;
    core::Sha256 hash;
    Compressor compressor(image.bytes().size(), base, [&](std::string_view block) {
      core::write_all(out.get(), block, target);
      hash.update(block);
      packed.packed.size_bytes += block.size();
    });
    for (std::size_t at = 0; at < image.bytes().size(); at += kBlockBytes) {
      core::throw_if_cancelled();
      compressor.feed(image.bytes().substr(at, kBlockBytes));
    }
    compressor.finish();
    packed.packed.sha256 = hash.hex_digest();
    packed.plain = {image.bytes().size(), plain_hash.get()};
    if (::fsync(out.get()) != 0) throw core::system_error(errno, "flushing " + target.string());
    const std::uint64_t size_bytes = image.bytes().size();
    Image again = Image::make(fits_memory(size_bytes) ? core::Fd() : unnamed_file(target.parent_path()), size_bytes);
    decompress(target, base, again.writable());
    if (again.bytes() != image.bytes())
      throw core::Error(core::ErrorKind::storage,
                        target.string() + " does not unpack to what was packed: check this machine's memory and disk");
    return packed;
  } catch (...) {
    ::unlink(target.c_str());
    throw;
  }
}

}  // namespace store
