// A file system of a given size, seen by this process and its children only, for tests of what a full disk does.
#pragma once

#include <filesystem>
#include <string>

namespace lab {

class SmallDisk {
 public:
  /// Why none can be had here; empty when one can. Takes this process into a mount namespace of its own.
  static std::string missing();

  /// Mounts a tmpfs (0700) on the directory `place`, which is made. `size` as tmpfs takes it: "size=64k",
  /// "nr_inodes=5". Throws: std::runtime_error.
  SmallDisk(std::filesystem::path place, const std::string& size);
  SmallDisk(SmallDisk&&) = delete;
  ~SmallDisk();

  /// Makes room: from now on it is large enough for everything.
  void grow() const;

 private:
  std::filesystem::path place_;
};

}  // namespace lab
