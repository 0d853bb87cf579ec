#include "core/atomic_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "core/error.hpp"
#include "core/file.hpp"

namespace core {
namespace {

// Whether `name` is NAME.THREAD.tmp of a thread that is no more.
bool is_abandoned(const std::filesystem::path& name) {
  if (name.extension() != ".tmp") return false;
  const std::string number = name.stem().extension().string();
  const int thread = number.empty() ? 0 : std::atoi(number.c_str() + 1);
  return thread > 0 && ::kill(thread, 0) != 0 && errno == ESRCH;
}

void remove_abandoned(const std::filesystem::path& directory, const std::string& prefix) {
  std::error_code failed;
  for (std::filesystem::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed)) {
    const std::filesystem::path name = at->path().filename();
    if (name.string().starts_with(prefix) && is_abandoned(name)) ::unlink(at->path().c_str());
  }
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target, mode_t mode)
    : target_(std::move(target)), passing_(target_.string() + "." + std::to_string(::gettid()) + ".tmp") {
  remove_abandoned(directory_of(target_), target_.filename().string() + ".");
  ::unlink(passing_.c_str());
  fd_ = open_file(passing_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}

AtomicFile::~AtomicFile() {
  fd_.reset();
  if (!committed_) ::unlink(passing_.c_str());
}

void AtomicFile::write(std::string_view bytes) { write_all(fd_.get(), bytes, target_); }

void AtomicFile::commit() {
  if (::fsync(fd_.get()) != 0) throw system_error(errno, "flushing " + target_.string());
  // Closed first: over a network that may be when it fails, and SMB renames no file that is open.
  if (::close(fd_.release()) != 0) throw system_error(errno, "writing " + target_.string());
  if (::rename(passing_.c_str(), target_.c_str()) != 0) throw system_error(errno, "publishing " + target_.string());
  committed_ = true;
  sync_directory(directory_of(target_));
}

void write_file_atomically(const std::filesystem::path& target, std::string_view bytes) {
  AtomicFile file(target);
  file.write(bytes);
  file.commit();
}

void remove_abandoned_files(const std::filesystem::path& directory) { remove_abandoned(directory, ""); }

}  // namespace core
