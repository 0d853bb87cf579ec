#include "puller/node/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "puller/node/problem.hpp"

namespace node {
namespace {

constexpr std::uint64_t kMemoryBytes = 4U << 20U;
constexpr std::size_t kBlockBytes = 256U << 10U;

Problem failed(std::string_view what) {
  return Problem(fmt::format("spool_failed {}: {}", what, std::strerror(errno)));
}

// A file without a name, or whose name is gone at once where the file system has no such thing.
core::Fd nameless_file(const std::filesystem::path& directory) {
  core::Fd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return fd;
  std::string name = directory / ".spool-XXXXXX";
  fd = core::Fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) throw failed(directory.string());
  ::unlink(name.c_str());
  return fd;
}

bool write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace

Spool::Spool(int out, std::filesystem::path directory)
    : out_(out), directory_(std::move(directory)), thread_([this] { work(); }) {}

Spool::~Spool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Spool::put(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (gone_) throw PeerGone();
  if (bytes.empty()) return;  // an empty block would be taken for a failed read
  if (file_end_ == file_begin_ && memory_bytes_ + bytes.size() <= kMemoryBytes) {
    memory_.emplace_back(bytes);
    memory_bytes_ += bytes.size();
  } else {
    append_to_file(bytes);
  }
  changed_.notify_all();
}

void Spool::append_to_file(std::string_view bytes) {
  if (file_end_ - file_begin_ + bytes.size() > limit_bytes_) throw Problem(fmt::format("spool_full {}", limit_bytes_));
  if (!file_) file_ = nameless_file(directory_);
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(file_end_));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) throw failed(directory_.string());
    file_end_ += static_cast<std::uint64_t>(put);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

std::string Spool::take() {
  if (!memory_.empty()) {
    std::string block = std::move(memory_.front());
    memory_.pop_front();
    memory_bytes_ -= block.size();
    return block;
  }
  std::string block(std::min<std::uint64_t>(kBlockBytes, file_end_ - file_begin_), '\0');
  const ssize_t got = ::pread(file_.get(), block.data(), block.size(), static_cast<off_t>(file_begin_));
  block.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  // What is out takes no room any more, where the file system knows how to give it back.
  ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(file_begin_),
              static_cast<off_t>(block.size()));
  file_begin_ += block.size();
  if (file_begin_ == file_end_ && ::ftruncate(file_.get(), 0) == 0) file_begin_ = file_end_ = 0;
  return block;
}

void Spool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || pending(); });
    if (stop_) return;
    const std::string block = take();
    busy_ = true;
    lock.unlock();
    const bool put = !block.empty() && write_whole(out_, block);
    lock.lock();
    busy_ = false;
    gone_ = gone_ || !put;
    if (gone_) {
      memory_.clear();
      file_begin_ = file_end_ = 0;
    }
    changed_.notify_all();
  }
}

bool Spool::drain(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const bool drained = changed_.wait_for(lock, patience, [this] { return !pending() && !busy_; });
  if (gone_) throw PeerGone();
  return drained;
}

}  // namespace node
