#include "core/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "core/error.hpp"
#include "core/file.hpp"

namespace core {
namespace {

std::filesystem::path directory_of(const std::filesystem::path& target) {
  return target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target)
    : target_(std::move(target)), fd_(open_file(directory_of(target_), O_WRONLY | O_TMPFILE)) {}

void AtomicFile::write(std::string_view bytes) { write_all(fd_.get(), bytes, target_); }

void AtomicFile::commit() {
  if (::fsync(fd_.get()) != 0) throw system_error(errno, "flushing " + target_.string());
  const std::string unnamed = "/proc/self/fd/" + std::to_string(fd_.get());
  // linkat cannot replace a name, so the file passes through a name of this thread's own on its way to the target.
  const std::string passing = target_.string() + "." + std::to_string(::gettid()) + ".tmp";
  ::unlink(passing.c_str());
  if (::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, passing.c_str(), AT_SYMLINK_FOLLOW) != 0)
    throw system_error(errno, "publishing " + target_.string());
  if (::rename(passing.c_str(), target_.c_str()) != 0) {
    const int saved = errno;
    ::unlink(passing.c_str());
    throw system_error(saved, "publishing " + target_.string());
  }
  sync_directory(directory_of(target_));
}

void write_file_atomically(const std::filesystem::path& target, std::string_view bytes) {
  AtomicFile file(target);
  file.write(bytes);
  file.commit();
}

}  // namespace core
