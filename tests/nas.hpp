// A file system as a share of a NAS is seen: what NFS or SMB do not have, this one has not, either. Served over FUSE
// from a directory, by a child, and seen by this process and its children only. No O_TMPFILE, links, locks, chmod and
// chown, fallocate, mapping that others share, flushing of directories, or renaming and removing of what is open; names
// differ by more than upper and lower case; it does not say how much is free.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <string>

namespace lab {

class Nas {
 public:
  /// Why none can be had here; empty when one can. Takes this process into a mount namespace of its own.
  static std::string missing();

  /// Mounts what is in the directory `behind` on the directory `place`; both are made. Throws: std::runtime_error.
  Nas(std::filesystem::path place, const std::filesystem::path& behind);
  Nas(Nas&&) = delete;
  ~Nas();

  /// What goes wrong from now on, seen by the server at once.
  struct Trouble {
    std::atomic<int> changes_fail_with{0};    // errno of everything that writes; 0: nothing fails
    std::atomic<bool> takes_no_notes{false};  // of damage
    std::atomic<int> reads_fail_with{0};      // errno of the next reads of packed databases (*.zst)
    std::atomic<int> reads_that_fail{0};      // so many of them
    std::atomic<int> reads_that_lie{0};       // so many of them bring another byte than is stored
  };
  Trouble& trouble() const { return *trouble_; }

 private:
  std::filesystem::path place_;
  Trouble* trouble_;
  pid_t server_ = -1;
};

}  // namespace lab
