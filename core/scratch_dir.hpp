// A private directory (0700) for copies that must not outlive us. Removed on destruction;
// one left behind by a killed process is removed by the next ScratchDir in the same place, and by each command.
// It lies in one of a random name, of which it is the only entry: so ours are told apart from what others made.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/error.hpp"
#include "core/fd.hpp"

namespace core {

/// Where a command looks for what was left elsewhere: /var/tmp, the same whatever its TMPDIR, and there after a power
/// cut; $TMPDIR, else /tmp, where it is not to be written to. Source: Filesystem Hierarchy Standard 3.0, 5.15.
std::filesystem::path parent_of_records();

class ScratchDir {
 public:
  /// Makes `k3s-drill.XXXXXX/made-by-drill` in $TMPDIR, else /tmp. Throws: storage, denied, not_found, saying what to
  /// do.
  ScratchDir();
  /// The same in `parent`; and a second one in `records`, which says where the first is to whoever has to remove it.
  explicit ScratchDir(const std::filesystem::path& parent, const std::filesystem::path& records = parent_of_records());

  const std::filesystem::path& path() const { return place_.path; }

  /// Runs `work`, which fills it with `size_bytes`. Throws: storage where there is no room for them, saying how much
  /// there is and what to do; what `work` throws.
  template <class Work>
  auto filled_with(std::uint64_t size_bytes, Work&& work) const -> decltype(work()) {
    check_room(size_bytes);
    try {
      return work();
    } catch (Error& error) {
      if (is_full(error)) throw no_room(size_bytes);
      throw;
    }
  }

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

  void check_room(std::uint64_t size_bytes) const;
  static bool is_full(const Error& error);
  Error no_room(std::uint64_t size_bytes) const;
  static Place make_record(const std::filesystem::path& parent, const std::filesystem::path& records);

  std::optional<Place> record_;  // outlives what it is of
  Place place_;
};

/// Removes those that have lost their owner, in $TMPDIR, else /tmp, and where `records` says. What cannot be removed
/// stays, and the record of it.
void remove_orphaned_scratch_dirs(const std::filesystem::path& records = parent_of_records());

}  // namespace core
