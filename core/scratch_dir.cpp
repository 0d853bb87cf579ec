#include "core/scratch_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/file.hpp"

namespace core {
namespace {

constexpr std::string_view kPrefix = "k3s-drill.";
constexpr std::size_t kRandom = 6;                // characters that mkdtemp fills in
constexpr const char* kInside = "made-by-drill";  // the only entry of a directory of ours, which holds all the rest
constexpr const char* kPlace = "place";           // in a record: a link to one of ours that lies elsewhere,
constexpr const char* kIdentity = "identity";     // and one that says what its parent is

bool is_named_as_ours(const std::string& name) {
  return name.size() == kPrefix.size() + kRandom && name.starts_with(kPrefix) &&
         std::all_of(name.begin() + kPrefix.size(), name.end(), [](unsigned char c) { return std::isalnum(c); });
}

// Nothing where it cannot be read to its end.
std::optional<std::vector<std::filesystem::path>> entries_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> entries;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed))
    entries.push_back(at->path());
  return failed ? std::nullopt : std::optional(std::move(entries));
}

// Empty is what one is whose owner was killed while he made or removed it.
bool holds_only_ours(const std::filesystem::path& directory) {
  const auto entries = entries_of(directory);
  return entries && std::all_of(entries->begin(), entries->end(),
                                [](const std::filesystem::path& entry) { return entry.filename() == kInside; });
}

// Tells a directory from the empty one that is seen in its place while its disk is not mounted. Empty where there is
// none.
std::string identity_of(const std::filesystem::path& directory) {
  struct stat facts {};
  struct statvfs disk {};
  if (::stat(directory.c_str(), &facts) != 0 || ::statvfs(directory.c_str(), &disk) != 0) return {};
  return std::to_string(disk.f_fsid) + ":" + std::to_string(facts.st_ino);
}

void remove_if_orphaned(const std::filesystem::path& directory);

// Of a record: whether what it says of is gone. A disk that is away may come back.
bool has_settled(const std::filesystem::path& orphan) {
  std::error_code none;
  const std::filesystem::path place = std::filesystem::read_symlink(orphan / kInside / kPlace, none);
  const std::filesystem::path parent_identity = std::filesystem::read_symlink(orphan / kInside / kIdentity, none);
  if (place.empty()) return none == std::errc::no_such_file_or_directory || none == std::errc::not_a_directory;
  if (identity_of(place.parent_path()) != parent_identity) return false;
  remove_if_orphaned(place);
  return std::filesystem::symlink_status(place, none).type() == std::filesystem::file_type::not_found;
}

// A live owner holds a lock on its directory; one of ours that we can lock has lost its owner. Others may have given a
// directory of theirs such a name.
void remove_if_orphaned(const std::filesystem::path& directory) {
  if (!is_named_as_ours(directory.filename())) return;
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  struct stat facts {};
  if (!fd || ::fstat(fd.get(), &facts) != 0 || facts.st_uid != ::geteuid() || (facts.st_mode & 0777) != 0700) return;
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && holds_only_ours(directory) && has_settled(directory))
    remove_tree(directory);
}

void remove_orphans(const std::filesystem::path& parent) {
  const auto entries = entries_of(parent);
  if (entries) std::for_each(entries->begin(), entries->end(), remove_if_orphaned);
}

std::filesystem::path default_parent() {
  const char* tmpdir = std::getenv("TMPDIR");
  return tmpdir != nullptr && *tmpdir != '\0' ? tmpdir : "/tmp";
}

Error unusable(int errno_value, const std::filesystem::path& where) {
  Error error = system_error(errno_value, "making a scratch directory in " + where.string());
  error.add_cure("set TMPDIR to a directory that you may write to, with room for some copies of the database");
  return error;
}

// Nothing where the file system does not say.
std::optional<std::uint64_t> free_bytes_in(const std::filesystem::path& directory) {
  struct statvfs disk {};
  if (::statvfs(directory.c_str(), &disk) != 0 || disk.f_blocks == 0) return std::nullopt;
  return static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
}

std::string in_megabytes(std::uint64_t size_bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(size_bytes) / 1e6);
}

void link_to(const std::string& target, const std::filesystem::path& link) {
  if (::symlink(target.c_str(), link.c_str()) != 0) throw system_error(errno, "making " + link.string());
}

}  // namespace

std::filesystem::path parent_of_records() {
  const std::filesystem::path lasting = "/var/tmp";
  return ::access(lasting.c_str(), W_OK | X_OK) == 0 ? lasting : default_parent();
}

ScratchDir::Place::Place(const std::filesystem::path& where, const std::string& given_name) {
  remove_orphans(where);
  while (!lock) {
    std::string name = (where / (given_name.empty() ? std::string(kPrefix) + "XXXXXX" : given_name)).string();
    if (given_name.empty() ? ::mkdtemp(name.data()) == nullptr : ::mkdir(name.c_str(), 0700) != 0)
      throw unusable(errno, where);
    // Until we have locked it another process may take it for an orphan: then start over.
    Fd fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int why_not = errno;
    if (!fd && why_not == ENOENT) continue;
    if (!fd) {
      ::rmdir(name.c_str());
      throw unusable(why_not, where);
    }
    // Where there are no locks, nobody takes one for an orphan, either.
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && !is_unsupported(errno)) continue;
    if (::access(name.c_str(), F_OK) != 0) continue;
    path = std::filesystem::path(name) / kInside;
    if (::mkdir(path.c_str(), 0700) != 0) {
      const int why = errno;
      ::rmdir(name.c_str());
      throw unusable(why, where);
    }
    lock = std::move(fd);
  }
}

ScratchDir::Place::~Place() {
  if (lock) remove_tree(path.parent_path());
}

std::string ScratchDir::Place::name() const { return path.parent_path().filename(); }

ScratchDir::Place ScratchDir::make_record(const std::filesystem::path& parent, const std::filesystem::path& records) {
  Place record(records);
  const std::filesystem::path where = std::filesystem::absolute(parent);
  link_to(identity_of(where), record.path / kIdentity);
  link_to(where / record.name(), record.path / kPlace);
  return record;
}

ScratchDir::ScratchDir() : place_(default_parent()) {}

ScratchDir::ScratchDir(const std::filesystem::path& parent, const std::filesystem::path& records)
    : record_(make_record(parent, records)), place_(parent, record_->name()) {}

void ScratchDir::check_room(std::uint64_t size_bytes) const {
  if (const auto free_bytes = free_bytes_in(path()); free_bytes && *free_bytes < size_bytes) throw no_room(size_bytes);
}

bool ScratchDir::is_full(const Error& error) { return error.errno_value() == ENOSPC || error.errno_value() == EDQUOT; }

Error ScratchDir::no_room(std::uint64_t size_bytes) const {
  const auto free_bytes = free_bytes_in(path());
  return {
      ErrorKind::storage,
      fmt::format("{} has no room for a copy of the database: {} are needed, {} are free: set TMPDIR to a directory "
                  "with more room",
                  path().parent_path().parent_path().string(), in_megabytes(size_bytes),
                  free_bytes ? in_megabytes(*free_bytes) : "fewer")};
}

void remove_orphaned_scratch_dirs(const std::filesystem::path& records) {
  remove_orphans(default_parent());
  remove_orphans(records);
}

}  // namespace core
