#include "drill/sandbox/sandbox_root.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/fd.hpp"
#include "drill/sandbox/failure.hpp"
#include "drill/sandbox/sandbox.hpp"

namespace drill {
namespace {

// What a program needs of the host to start: its interpreter and libraries. Kept as links where they are.
constexpr std::array<std::string_view, 8> kPrograms{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix"};
constexpr std::array<std::string_view, 6> kDevices{"null", "zero", "full", "random", "urandom", "tty"};
constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV;

// A copy of what is mounted at `path`, attached to nothing yet; empty where there is nothing.
core::Fd clone_tree(const std::string& path) {
  core::Fd tree(::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  must(tree || errno == ENOENT, "taking a part of the host's files");
  return tree;
}

void attach(const core::Fd& tree, const std::string& path) {
  must(::move_mount(tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0,
       "attaching a part of the host's files");
}

void make_directory(const std::string& path, mode_t mode = 0755) {
  must(::mkdir(path.c_str(), mode) == 0, "making a directory of the sandbox");
}

void make_file(const std::string& path, std::string_view text) {
  const core::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  must(fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()),
       "writing a file of the sandbox");
}

void take_programs() {
  for (const std::string_view name : kPrograms) {
    const std::string path(name);
    const std::string on_host = "/" + path;
    std::error_code none;
    if (const auto target = std::filesystem::read_symlink(on_host, none); !none) {
      must(::symlink(target.c_str(), path.c_str()) == 0, "linking a directory of the sandbox");
    } else if (const core::Fd tree = clone_tree(on_host)) {
      make_directory(path);
      attach(tree, path);
    }
  }
}

void make_etc() {
  make_directory("etc");
  make_file("etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n");
  make_file("etc/group", "root:x:0:\n");
  make_file("etc/hosts", "127.0.0.1 localhost\n" + std::string(Sandbox::kAddress) + " k3s-drill\n");
  make_file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
  make_file("etc/resolv.conf", "");
}

}  // namespace

void build_root(std::uint64_t size_bytes) {
  must(::mount(nullptr, "/", nullptr, MS_PRIVATE | MS_REC, nullptr) == 0, "making the mounts private");
  // Taken before all else loses its devices.
  std::array<core::Fd, kDevices.size()> devices;
  for (std::size_t i = 0; i < kDevices.size(); ++i) devices[i] = clone_tree("/dev/" + std::string(kDevices[i]));
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  must(::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof read_only) == 0,
       "making the host's files read-only");

  // Over /tmp only until it is the root: then the host's own /tmp is seen again, below kHost.
  const std::string options = "mode=0755,size=" + std::to_string(size_bytes);
  must(::mount("k3s-drill", "/tmp", "tmpfs", kPlain, options.c_str()) == 0 && ::chdir("/tmp") == 0,
       "mounting a private tmpfs");
  make_directory("tmp", 0700);
  for (const char* name : {"run", "var", "var/tmp", "dev", "dev/shm", "proc", "sys", kHost + 1}) make_directory(name);
  must(::symlink("/run", "var/run") == 0, "linking a directory of the sandbox");
  take_programs();
  make_etc();
  for (std::size_t i = 0; i < kDevices.size(); ++i) {
    if (!devices[i]) continue;
    const std::string path = "dev/" + std::string(kDevices[i]);
    make_file(path, "");
    attach(devices[i], path);
  }
  must(::symlink("/proc/self/fd", "dev/fd") == 0, "linking a directory of the sandbox");
  // Root's namesake owns /proc/sys as well, so /proc is read-only. A container that hides parts of its own /proc gives
  // no new one; then the old one has to do. /sys is nothing a control plane cannot do without.
  if (::mount("proc", "proc", "proc", kPlain | MS_NOEXEC | MS_RDONLY, nullptr) != 0)
    attach(clone_tree("/proc"), "proc");
  (void)::mount("sysfs", "sys", "sysfs", kPlain | MS_NOEXEC | MS_RDONLY, nullptr);
  must(::syscall(SYS_pivot_root, ".", kHost + 1) == 0 && ::chdir("/") == 0, "entering the sandbox's root");
}

core::Fd make_hidden_directory(std::uint64_t size_bytes) {
  constexpr const char* kPlace = "/tmp/hidden";
  const std::string options = "mode=0700,size=" + std::to_string(size_bytes);
  make_directory(kPlace, 0700);
  must(::mount("k3s-drill", kPlace, "tmpfs", kPlain, options.c_str()) == 0, "mounting a hidden tmpfs");
  core::Fd directory(::open(kPlace, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  must(directory && ::umount2(kPlace, MNT_DETACH) == 0 && ::rmdir(kPlace) == 0, "hiding a tmpfs");
  return directory;
}

void leave_host() {
  must(::unshare(CLONE_NEWNS) == 0 && ::umount2(kHost, MNT_DETACH) == 0, "leaving the host's files");
}

}  // namespace drill
