#include "core/as_owner.hpp"

#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/error.hpp"

namespace core {
namespace {

// The calls return what was, and say in no other way that they failed. Source: setfsuid(2).
uid_t user_of_files() { return static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))); }

// The kernel takes a process that changes its user for one that has secrets of the other's, and who started it would no
// longer take it along when he dies. Source: prctl(2), PR_SET_DUMPABLE and PR_SET_PDEATHSIG.
void become(uid_t user, gid_t group) {
  const int dumpable = ::prctl(PR_GET_DUMPABLE);
  int dies_with_parent = 0;
  ::prctl(PR_GET_PDEATHSIG, &dies_with_parent);
  ::setfsgid(group);
  ::setfsuid(user);
  ::prctl(PR_SET_PDEATHSIG, dies_with_parent);
  if (dumpable == 1) ::prctl(PR_SET_DUMPABLE, 1);
}

}  // namespace

AsOwner::AsOwner(const std::filesystem::path& directory) {
  struct stat owner {};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &owner) != 0 || owner.st_uid == 0) return;
  user_ = user_of_files();
  if (user_ == owner.st_uid) return;
  group_ = static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1)));
  become(owner.st_uid, owner.st_gid);
  changed_ = true;
  if (user_of_files() == owner.st_uid) return;
  become(user_, group_);
  throw system_error(EPERM, "working as the owner of " + directory.string());
}

AsOwner::~AsOwner() {
  if (changed_) become(user_, group_);
}

}  // namespace core
