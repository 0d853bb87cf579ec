#include "core/scratch_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "core/error.hpp"
#include "core/file.hpp"

namespace core {
namespace {

constexpr std::string_view kPrefix = "k3s-drill.";

// A live owner holds a lock on its directory; a directory we can lock has lost its owner.
void remove_orphans(const std::filesystem::path& parent) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    const Fd fd(::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) remove_tree(entry.path());
  }
}

std::filesystem::path default_parent() {
  const char* tmpdir = std::getenv("TMPDIR");
  return tmpdir != nullptr && *tmpdir != '\0' ? tmpdir : "/tmp";
}

}  // namespace

ScratchDir::ScratchDir(const std::filesystem::path& parent) {
  const std::filesystem::path where = parent.empty() ? default_parent() : parent;
  remove_orphans(where);
  while (!lock_) {
    std::string name = (where / kPrefix).string() + "XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw system_error(errno, "making a scratch directory in " + where.string());
    // Between mkdtemp and flock another process may take us for an orphan: then start over.
    Fd fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || ::access(name.c_str(), F_OK) != 0) continue;
    path_ = name;
    lock_ = std::move(fd);
  }
}

ScratchDir::~ScratchDir() {
  if (lock_) remove_tree(path_);
}

}  // namespace core
