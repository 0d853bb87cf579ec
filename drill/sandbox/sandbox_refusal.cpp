#include "drill/sandbox/sandbox_refusal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace drill {
namespace {

// The value of a setting of the kernel's; "" where it has none of that name.
std::string setting(const std::filesystem::path& root, const char* name) {
  std::string value;
  std::ifstream(root / "proc/sys" / name) >> value;
  return value;
}

std::string cause_and_cure(int errno_value, uid_t uid, const std::filesystem::path& root) {
  const std::string limit = setting(root, "user/max_user_namespaces");
  if (limit == "0") return "user.max_user_namespaces is 0; type: sysctl -w user.max_user_namespaces=10000";
  if (errno_value == ENOSPC)
    return fmt::format(
        "one of the limits in /proc/sys/user is reached (user.max_user_namespaces is {}); raise it by sysctl",
        limit.empty() ? "not known" : limit);
  if (uid != 0 && setting(root, "kernel/unprivileged_userns_clone") == "0")
    return "kernel.unprivileged_userns_clone is 0, so that only root may; set it to 1 by sysctl, or run drill as root";
  if (uid != 0 && setting(root, "kernel/apparmor_restrict_unprivileged_userns") == "1")
    return "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1, as on Ubuntu from "
           "23.10 on); run drill as root, or allow drill alone by the profile in docs/safety.md";
  for (const char* mark : {".dockerenv", "run/.containerenv"})
    if (std::filesystem::exists(root / mark))
      return "drill runs in a container that forbids it; run it on the host, or the container with --privileged";
  return uid == 0 ? "something forbids it to root (a container, systemd's RestrictNamespaces, a security module); run "
                    "drill where namespaces can be made: unshare --user --net true"
                  : "something forbids it to this user (a container, systemd's RestrictNamespaces, a security module); "
                    "run drill as root";
}

}  // namespace

std::string why_no_sandbox(std::string_view doing, int errno_value, uid_t uid, const std::filesystem::path& root) {
  return fmt::format("no sandbox can be made here ({}: {}): {}", doing, std::strerror(errno_value),
                     cause_and_cure(errno_value, uid, root));
}

}  // namespace drill
