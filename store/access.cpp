#include "store/access.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

namespace store {
namespace {

std::optional<struct stat> facts_of(const std::filesystem::path& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return std::nullopt;
  return facts;
}

std::string name_of(uid_t user) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::to_string(user);
  return found->pw_name;
}

bool is_mount_point(const std::filesystem::path& path) {
  struct statx facts {};
  return ::statx(AT_FDCWD, path.c_str(), 0, STATX_TYPE, &facts) == 0 &&
         (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// The directory, of `path` and those it is in, that its file system is mounted on.
std::filesystem::path mount_point_of(std::filesystem::path path) {
  std::error_code none;
  path = std::filesystem::weakly_canonical(path, none);
  while (path.has_relative_path() && !is_mount_point(path)) path = path.parent_path();
  return path;
}

// The first, from `root` down to `path`, that is not `user`'s.
std::optional<std::filesystem::path> first_of_another(uid_t user, const std::filesystem::path& root,
                                                      const std::filesystem::path& path) {
  std::filesystem::path at = root;
  for (const std::filesystem::path& part : path.lexically_relative(root)) {
    if (part != ".") at /= part;
    const auto facts = facts_of(at);
    if (!facts) return std::nullopt;
    if (facts->st_uid != user) return at;
  }
  return std::nullopt;
}

std::string cure_for_rights(const std::filesystem::path& root, const std::filesystem::path& path) {
  std::error_code none;
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(root, none);
  const auto store = facts_of(resolved);
  const uid_t us = ::geteuid();
  if (!store) {
    return fmt::format("as root: install -d -m 700 -o {} {}", name_of(us), root.string());
  }
  const uid_t owner = store->st_uid;
  if (us != 0 && owner != us)
    return fmt::format(
        "the store is {0}'s and this is {1}: run drill as {0} (sudo -u {0} -H drill ...), or as root give the store to "
        "this user: chown -R {1}: {2}",
        name_of(owner), name_of(us), root.string());
  const std::string user = name_of(owner);  // root works in it as its owner
  if (const auto other = first_of_another(owner, resolved, resolved / path.lexically_relative(root)))
    return fmt::format("it is {}'s and the store is {}'s: as root: chown -R {}: {}", name_of(facts_of(*other)->st_uid),
                       user, user, other->string());
  if (us == 0 && owner != 0)  // as on a share that takes root for nobody
    return fmt::format("the store is {0}'s, and root is refused there: run drill as {0} (sudo -u {0} -H drill ...)",
                       user);
  return fmt::format("the store is {0}'s, who has taken rights away there: chmod -R u+rwX {1}", user, root.string());
}

}  // namespace

std::string cure_for(int errno_value, const std::filesystem::path& root, const std::filesystem::path& path) {
  switch (errno_value) {
    case EACCES:
    case EPERM:
      return cure_for_rights(root, path);
    case EROFS:
      return fmt::format("make it writable: mount -o remount,rw {}", mount_point_of(root).string());
    case ENOSPC:
    case EDQUOT:
      return "make room there: drill prune removes what no keep_ rule keeps";
    case EMFILE:
    case ENFILE:
      return "no more files can be opened: raise the limit (ulimit -n)";
    default:
      return {};
  }
}

}  // namespace store
