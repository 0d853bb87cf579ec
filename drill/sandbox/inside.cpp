#include "drill/sandbox/inside.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "core/error.hpp"

namespace drill {
namespace {

core::Error refused(const std::filesystem::path& path, const std::string& why) {
  return {core::ErrorKind::unreachable, fmt::format("the engine's {}: {}", path.string(), why)};
}

// Empty, with errno, when it cannot be opened. Name by name, each in the directory before it and none through a link:
// as openat2 does it, which older kernels do not have.
core::Fd open_inside(int root, const std::filesystem::path& path, int flags) {
  core::Fd directory(::fcntl(root, F_DUPFD_CLOEXEC, 0));
  for (auto name = path.begin(); directory && name != path.end(); ++name) {
    if (*name == ".." || name->is_absolute()) {
      errno = EXDEV;
      return {};
    }
    const bool is_last = std::next(name) == path.end();
    const int how = is_last ? flags : O_PATH | O_DIRECTORY;
    directory = core::Fd(::openat(directory.get(), name->c_str(), how | O_NOFOLLOW | O_CLOEXEC));
  }
  return directory;
}

mode_t kind_of(const core::Fd& fd) {
  struct stat file {};
  return ::fstat(fd.get(), &file) == 0 ? file.st_mode & S_IFMT : 0;
}

}  // namespace

core::Fd file_inside(int root, const std::filesystem::path& path) {
  core::Fd fd = open_inside(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd && errno == ENOENT) return {};
  if (!fd) throw refused(path, std::strerror(errno));
  if (kind_of(fd) != S_IFREG) throw refused(path, "it is no regular file");
  return fd;
}

std::optional<std::string> read_inside(int root, const std::filesystem::path& path, std::size_t limit_bytes) {
  const core::Fd fd = file_inside(root, path);
  if (!fd) return std::nullopt;
  std::string content;
  std::array<char, 65536> block;
  while (true) {
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0) throw refused(path, std::strerror(errno));
    if (got == 0) return content;
    content.append(block.data(), static_cast<std::size_t>(got));
    if (content.size() > limit_bytes) throw refused(path, fmt::format("it is larger than {} bytes", limit_bytes));
  }
}

core::Fd socket_inside(int root, const std::filesystem::path& path) {
  core::Fd fd = open_inside(root, path, O_PATH);
  if (!fd) throw refused(path, std::strerror(errno));
  if (kind_of(fd) != S_IFSOCK) throw refused(path, "it is no socket");
  return fd;
}

}  // namespace drill
