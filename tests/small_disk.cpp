#include "tests/small_disk.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace lab {
namespace {

void mount_tmpfs(const std::filesystem::path& place, unsigned long flags, const std::string& options) {
  if (::mount("small-disk", place.c_str(), "tmpfs", flags, options.c_str()) != 0)
    throw std::runtime_error("mounting " + place.string() + " with " + options + ": " + std::strerror(errno));
}

}  // namespace

std::string SmallDisk::missing() {
  static const std::string reason = []() -> std::string {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return std::string("a small disk needs a mount namespace: ") + std::strerror(errno);
    return {};
  }();
  return reason;
}

SmallDisk::SmallDisk(std::filesystem::path place, const std::string& size) : place_(std::move(place)) {
  std::filesystem::create_directory(place_);
  mount_tmpfs(place_, 0, "mode=0700," + size);
}

SmallDisk::~SmallDisk() {
  ::umount2(place_.c_str(), MNT_DETACH);
  std::error_code ignored;
  std::filesystem::remove(place_, ignored);
}

void SmallDisk::grow() const { mount_tmpfs(place_, MS_REMOUNT, "size=64m,nr_inodes=10000"); }

}  // namespace lab
