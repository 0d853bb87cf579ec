#include "store/journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>

#include "core/error.hpp"
#include "core/file.hpp"

namespace store {
namespace {

constexpr off_t kReadBack = 8 << 20;  // some ten thousand drills

// Not through a link, and nothing but a file: root writes here into a directory that is another's.
struct stat facts_of(int fd, const std::filesystem::path& path) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) throw core::system_error(errno, path.string());
  if (!S_ISREG(facts.st_mode)) throw core::Error(core::ErrorKind::storage, path.string() + ": not a file");
  return facts;
}

std::string read_from(int fd, off_t offset, off_t size, const std::filesystem::path& path) {
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::pread(fd, bytes.data() + have, bytes.size() - have, offset + static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw core::system_error(errno, "reading " + path.string());
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace

void append_line(const std::filesystem::path& cluster_directory, std::string_view line) {
  assert(line.find('\n') == std::string_view::npos);
  const std::filesystem::path path = cluster_directory / kJournalFile;
  const core::Fd fd = core::open_file(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
  facts_of(fd.get(), path);
  while (::flock(fd.get(), LOCK_EX) != 0 && !core::is_unsupported(errno))
    if (errno != EINTR) throw core::system_error(errno, "locking " + path.string());
  const off_t size = facts_of(fd.get(), path).st_size;
  const bool torn = size > 0 && read_from(fd.get(), size - 1, 1, path) != "\n";
  try {
    core::write_all(fd.get(), (torn ? "\n" : "") + std::string(line) + "\n", path);
    if (::fsync(fd.get()) != 0) throw core::system_error(errno, "flushing " + path.string());
  } catch (...) {
    if (::ftruncate(fd.get(), size) != 0) throw;  // then half a line stays, which the next one does not go on with
    throw;
  }
  if (size == 0) core::sync_directory(cluster_directory);
}

std::vector<std::string> read_lines(const std::filesystem::path& cluster_directory) {
  const std::filesystem::path path = cluster_directory / kJournalFile;
  core::Fd fd;
  try {
    fd = core::open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::not_found) return {};
    throw;
  }
  const off_t size = facts_of(fd.get(), path).st_size;
  const off_t skipped = size > kReadBack ? size - kReadBack : 0;
  std::string bytes = read_from(fd.get(), skipped, size - skipped, path);
  if (skipped > 0) bytes.erase(0, bytes.find('\n') + 1);  // the rest of a line; all of it stays where there is no end
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    lines.push_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace store
