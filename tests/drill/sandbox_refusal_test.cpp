#include "drill/sandbox/sandbox_refusal.hpp"

#include <cerrno>
#include <fstream>

#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"

using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

namespace {

// A host as far as its settings can be read.
struct Host {
  core::ScratchDir directory;

  void set(const std::string& name, const std::string& value) const {
    const std::filesystem::path file = directory.path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << value << "\n";
  }
  std::string says(uid_t uid, int errno_value = EPERM) const {
    return drill::why_no_sandbox("making a user namespace", errno_value, uid, directory.path());
  }
};

constexpr uid_t kSomebody = 1000;

}  // namespace

TEST_CASE_METHOD(Host, "AppArmor's restriction is named on Ubuntu, with the profile that allows drill alone") {
  set("proc/sys/user/max_user_namespaces", "96101");
  set("proc/sys/kernel/unprivileged_userns_clone", "1");
  set("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
  CHECK_THAT(says(kSomebody, EACCES), Contains("Permission denied): AppArmor restricts user namespaces") &&
                                          EndsWith("the profile in docs/safety.md"));
  CHECK_THAT(says(0), !Contains("AppArmor"));
}

TEST_CASE_METHOD(Host,
                 "a setting of the kernel's that keeps users from namespaces is named, and nothing that does not") {
  set("proc/sys/kernel/unprivileged_userns_clone", "0");
  CHECK_THAT(says(kSomebody), EndsWith("; set it to 1 by sysctl, or run drill as root"));
  CHECK_THAT(says(0), !Contains("unprivileged_userns_clone"));
  set("proc/sys/user/max_user_namespaces", "0");
  CHECK_THAT(says(0, ENOSPC), EndsWith("type: sysctl -w user.max_user_namespaces=10000"));
  set("proc/sys/user/max_user_namespaces", "100");
  CHECK_THAT(says(0, ENOSPC), Contains("user.max_user_namespaces is 100"));
}

TEST_CASE_METHOD(Host, "root in a container is told of the container, and not to be root") {
  set(".dockerenv", "");
  CHECK_THAT(says(0), EndsWith("the container with --privileged"));
}

TEST_CASE_METHOD(Host, "where no setting says why, root is not told to be root") {
  CHECK_THAT(says(0), !Contains("as root"));
  CHECK_THAT(says(kSomebody), EndsWith("run drill as root"));
}
