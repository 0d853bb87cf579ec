// Root who works in a directory of another's does so with the owner's rights: what he makes is the owner's from its
// start, and no link that lies there leads root to where the owner may not write.
// Used around whatever changes a store. What it does not do: change the rights of other threads, or of a child.
#pragma once

#include <sys/types.h>

#include <filesystem>

namespace core {

class AsOwner {
 public:
  /// While it lives, this thread opens, makes and removes files as the owner of `directory`. Nothing changes where this
  /// process is not root's, or `directory` is root's or not there. Throws: denied.
  explicit AsOwner(const std::filesystem::path& directory);
  AsOwner(AsOwner&&) = delete;
  ~AsOwner();

 private:
  bool changed_ = false;
  uid_t user_ = 0;  // that is put back
  gid_t group_ = 0;
};

}  // namespace core
