// A file that appears whole under its name, or not at all. Used for manifests, reports and evidence.
// Written without a name, so that a crash leaves nothing; commit() flushes it and gives it its name.
#pragma once

#include <filesystem>
#include <string_view>

#include "core/fd.hpp"

namespace core {

class AtomicFile {
 public:
  /// Prepares a file (0600) that will become `target`, replacing what is there. Throws: storage, denied, not_found.
  explicit AtomicFile(std::filesystem::path target);

  void write(std::string_view bytes);

  /// Flushes, renames into place, flushes the directory. Throws: storage. Leaves: the old file on failure.
  void commit();

 private:
  std::filesystem::path target_;
  Fd fd_;
};

/// The three steps in one. Throws: as AtomicFile.
void write_file_atomically(const std::filesystem::path& target, std::string_view bytes);

}  // namespace core
