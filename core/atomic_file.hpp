// A file that appears whole under its name, or not at all. Used for manifests, reports and evidence.
// Written beside its target as NAME.THREAD.tmp, which every file system can, and given its name by commit(). What a
// writer leaves who was killed, the next one of the same target removes.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

#include "core/fd.hpp"

namespace core {

class AtomicFile {
 public:
  /// Prepares a file that will become `target`, replacing what is there. Throws: storage, denied, not_found.
  explicit AtomicFile(std::filesystem::path target, mode_t mode = 0600);
  AtomicFile(AtomicFile&&) = delete;
  ~AtomicFile();

  void write(std::string_view bytes);

  /// Flushes, renames into place, flushes the directory. Throws: storage. Leaves: the old file on failure.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path passing_;
  Fd fd_;
  bool committed_ = false;
};

/// The three steps in one. Throws: as AtomicFile.
void write_file_atomically(const std::filesystem::path& target, std::string_view bytes);

/// Removes what killed writers left in `directory`. What cannot be removed stays.
void remove_abandoned_files(const std::filesystem::path& directory);

}  // namespace core
