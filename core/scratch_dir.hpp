// A private directory (0700) for copies that must not outlive us. Removed on destruction;
// one left behind by a killed process is removed by the next ScratchDir in the same place, and by each command.
// It lies in one of a random name, of which it is the only entry: so ours are told apart from what others made.
#pragma once

#include <filesystem>

#include "core/fd.hpp"

namespace core {

class ScratchDir {
 public:
  /// Makes `k3s-drill.XXXXXX/made-by-drill` in `parent` (default: $TMPDIR, else /tmp). Throws: storage, denied,
  /// not_found.
  explicit ScratchDir(const std::filesystem::path& parent = {});
  ScratchDir(ScratchDir&&) noexcept = default;
  ScratchDir& operator=(ScratchDir&&) = delete;
  ~ScratchDir();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  Fd lock_;
};

/// Removes from $TMPDIR, else /tmp, those that have lost their owner. What cannot be removed stays.
void remove_orphaned_scratch_dirs();

}  // namespace core
