#include "core/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/mutation.hpp"
#include "core/sha256.hpp"

namespace core {
namespace {

constexpr std::size_t kBlockBytes = 1U << 20U;

std::size_t read_some(int fd, char* buffer, std::size_t size_bytes, const std::filesystem::path& path) {
  while (true) {
    const ssize_t got = ::read(fd, buffer, size_bytes);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw system_error(errno, "reading " + path.string());
  }
}

std::string read_to_end(const Fd& fd, const std::filesystem::path& path, std::uint64_t limit_bytes,
                        ErrorKind too_large) {
  std::string content;
  std::array<char, 65536> buffer;
  while (const std::size_t got = read_some(fd.get(), buffer.data(), buffer.size(), path)) {
    content.append(buffer.data(), got);
    if (content.size() > limit_bytes)
      throw Error(too_large, fmt::format("{}: it is larger than {} bytes", path.string(), limit_bytes));
  }
  return content;
}

}  // namespace

bool is_unsupported(int errno_value) {
  return errno_value == EOPNOTSUPP || errno_value == EINVAL || errno_value == ENOSYS || errno_value == ENOLCK;
}

std::filesystem::path directory_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

Fd open_file(const std::filesystem::path& path, int flags, mode_t mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) throw system_error(errno, path.string());
  return fd;
}

std::string read_file(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  return read_to_end(open_file(path, O_RDONLY), path, limit_bytes, ErrorKind::storage);
}

Fd open_regular_file(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC));
  if (!fd && errno != ELOOP && errno != ENXIO) throw system_error(errno, path.string());
  struct stat facts {};
  if (fd && ::fstat(fd.get(), &facts) != 0) throw system_error(errno, path.string());
  if (!fd || !S_ISREG(facts.st_mode)) throw Error(ErrorKind::damaged, path.string() + ": it is no regular file");
  return fd;
}

std::string read_regular_file(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  return read_to_end(open_regular_file(path), path, limit_bytes, ErrorKind::damaged);
}

void write_all(int fd, std::string_view bytes, const std::filesystem::path& name) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw system_error(errno, "writing " + name.string());
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

void write_new_file(const std::filesystem::path& path, std::string_view bytes) {
  const Fd fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  try {
    write_all(fd.get(), bytes, path);
    if (::fsync(fd.get()) != 0) throw system_error(errno, "flushing " + path.string());
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
}

CopiedFile read_blocks(const std::filesystem::path& path, const std::function<void(std::string_view)>& consume) {
  return read_blocks(open_file(path, O_RDONLY).get(), path, consume);
}

CopiedFile read_blocks(int fd, const std::filesystem::path& name,
                       const std::function<void(std::string_view)>& consume) {
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  std::vector<char> buffer(kBlockBytes);
  Sha256 hash;
  CopiedFile result;
  while (const std::size_t got = read_some(fd, buffer.data(), buffer.size(), name)) {
    throw_if_cancelled();
    const std::string_view block(buffer.data(), got);
    hash.update(block);
    consume(block);
    result.size_bytes += got;
  }
  result.sha256 = hash.hex_digest();
  return result;
}

CopiedFile copy_file(const std::filesystem::path& source, const std::filesystem::path& target) {
  const Fd out = open_file(target, O_WRONLY | O_CREAT | O_EXCL);
  try {
    return read_blocks(source, [&](std::string_view block) { write_all(out.get(), block, target); });
  } catch (...) {
    ::unlink(target.c_str());
    throw;
  }
}

CopiedFile hash_file(const std::filesystem::path& path) {
  return read_blocks(path, [](std::string_view) {});
}

void sync_directory(const std::filesystem::path& directory) {
  if (mutated("store-no-flush")) return;
  const Fd fd = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (::fsync(fd.get()) != 0 && !is_unsupported(errno)) throw system_error(errno, "flushing " + directory.string());
}

void remove_tree(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace core
