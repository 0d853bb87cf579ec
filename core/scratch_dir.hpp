// A private directory (0700) for copies that must not outlive us. Removed on destruction;
// one left behind by a killed process is removed by the next ScratchDir in the same place, and by each command.
// It lies in one of a random name, of which it is the only entry: so ours are told apart from what others made.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/fd.hpp"

namespace core {

class ScratchDir {
 public:
  /// Makes `k3s-drill.XXXXXX/made-by-drill` in $TMPDIR, else /tmp. Throws: storage, denied, not_found.
  ScratchDir();
  /// The same in `parent`; and a second one in /var/tmp, where there is that, which says where it is to whoever has to
  /// remove it.
  explicit ScratchDir(const std::filesystem::path& parent);

  const std::filesystem::path& path() const { return place_.path; }

 private:
  struct Place {
    explicit Place(const std::filesystem::path& where, const std::string& given_name = {});
    Place(Place&&) noexcept = default;
    Place& operator=(Place&&) = delete;
    ~Place();
    std::string name() const;

    std::filesystem::path path;
    Fd lock;
  };

  static Place make_record(const std::filesystem::path& parent);

  std::optional<Place> record_;  // outlives what it is of
  Place place_;
};

/// Removes those that have lost their owner, wherever this user's commands made them. What cannot be removed stays.
void remove_orphaned_scratch_dirs();

}  // namespace core
