#include "core/scratch_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "core/error.hpp"
#include "core/file.hpp"

namespace core {
namespace {

constexpr std::string_view kPrefix = "k3s-drill.";
constexpr std::size_t kRandom = 6;                // characters that mkdtemp fills in
constexpr const char* kInside = "made-by-drill";  // the only entry of a directory of ours, which holds all the rest
constexpr const char* kElsewhere = "elsewhere";   // in a record: a link to where else there may be one of ours

bool is_named_as_ours(const std::string& name) {
  return name.size() == kPrefix.size() + kRandom && name.starts_with(kPrefix) &&
         std::all_of(name.begin() + kPrefix.size(), name.end(), [](unsigned char c) { return std::isalnum(c); });
}

// Empty is what one is whose owner was killed while he made or removed it.
bool holds_only_ours(const std::filesystem::path& directory) {
  std::error_code failed;
  const std::filesystem::directory_iterator entries(directory, failed);
  return !failed && std::all_of(begin(entries), end(entries),
                                [](const auto& entry) { return entry.path().filename() == kInside; });
}

void remove_orphans(const std::filesystem::path& parent);

// What one that is a record says of. False while that place cannot be reached: a disk may come back.
bool has_settled(const std::filesystem::path& orphan) {
  std::error_code failed;
  const std::filesystem::path elsewhere = std::filesystem::read_symlink(orphan / kInside / kElsewhere, failed);
  if (failed) return true;
  if (!std::filesystem::is_directory(elsewhere, failed)) return false;
  remove_orphans(elsewhere);
  return true;
}

// A live owner holds a lock on its directory; one of ours that we can lock has lost its owner. Others may have given a
// directory of theirs such a name.
void remove_orphans(const std::filesystem::path& parent) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    if (!is_named_as_ours(entry.path().filename())) continue;
    const Fd fd(::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    struct stat facts {};
    if (!fd || ::fstat(fd.get(), &facts) != 0 || facts.st_uid != ::geteuid() || (facts.st_mode & 0777) != 0700)
      continue;
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && holds_only_ours(entry.path()) && has_settled(entry.path()))
      remove_tree(entry.path());
  }
}

std::filesystem::path temporary(const char* unless_set) {
  const char* tmpdir = std::getenv("TMPDIR");
  return tmpdir != nullptr && *tmpdir != '\0' ? tmpdir : unless_set;
}

std::filesystem::path default_parent() { return temporary("/tmp"); }

// What is elsewhere outlives a power cut, which /tmp need not. Source: Filesystem Hierarchy Standard 3.0, 5.15.
std::filesystem::path parent_of_records() {
  const std::filesystem::path lasting = temporary("/var/tmp");
  return ::access(lasting.c_str(), W_OK | X_OK) == 0 ? lasting : default_parent();
}

}  // namespace

ScratchDir::Place::Place(const std::filesystem::path& where) {
  remove_orphans(where);
  while (!lock) {
    std::string name = (where / kPrefix).string() + "XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw system_error(errno, "making a scratch directory in " + where.string());
    // Between mkdtemp and flock another process may take us for an orphan: then start over.
    Fd fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || ::access(name.c_str(), F_OK) != 0) continue;
    path = std::filesystem::path(name) / kInside;
    if (::mkdir(path.c_str(), 0700) != 0) {
      const int why = errno;
      ::rmdir(name.c_str());
      throw system_error(why, "making a scratch directory in " + where.string());
    }
    lock = std::move(fd);
  }
}

ScratchDir::Place::~Place() {
  if (lock) remove_tree(path.parent_path());
}

ScratchDir::ScratchDir() : place_(default_parent()) {}

ScratchDir::ScratchDir(const std::filesystem::path& parent) : record_(parent_of_records()), place_(parent) {
  const std::filesystem::path link = record_->path / kElsewhere;
  if (::symlink(std::filesystem::absolute(parent).c_str(), link.c_str()) != 0)
    throw system_error(errno, "making " + link.string());
}

void remove_orphaned_scratch_dirs() {
  remove_orphans(default_parent());
  remove_orphans(parent_of_records());
}

}  // namespace core
