// A private directory (0700) for copies that must not outlive us. Removed on destruction;
// one left behind by a killed process is removed by the next ScratchDir in the same place.
#pragma once

#include <filesystem>

#include "core/fd.hpp"

namespace core {

class ScratchDir {
 public:
  /// Makes `k3s-drill.XXXXXX` in `parent` (default: $TMPDIR, else /tmp). Throws: storage, denied, not_found.
  explicit ScratchDir(const std::filesystem::path& parent = {});
  ScratchDir(ScratchDir&&) noexcept = default;
  ScratchDir& operator=(ScratchDir&&) = delete;
  ~ScratchDir();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  Fd lock_;
};

}  // namespace core
