// The engine of the isolation tests: tries, from inside the sandbox, what an engine must not be able to do, and prints
// what it could. What it is to try is its first argument.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;

dev_t private_device() {
  struct stat facts {};
  return ::stat("/tmp", &facts) == 0 ? facts.st_dev : 0;
}

// True when `path` could be written to and is not the sandbox's own.
bool can_write(const std::string& path, const struct stat& facts, dev_t ours) {
  if (facts.st_dev == ours) return false;
  if (S_ISDIR(facts.st_mode)) {
    const int fd = ::openat(AT_FDCWD, path.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) ::close(fd);
    return fd >= 0 || ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

// Prints every file outside the private tmpfs that can be opened for writing and every socket, then how many it saw.
void walk() {
  const std::set<std::string> devices{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};
  const dev_t ours = private_device();
  unsigned long seen = 0;
  std::error_code error;
  fs::recursive_directory_iterator entry("/", fs::directory_options::skip_permission_denied, error);
  for (; entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path().string();
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) != 0 || S_ISLNK(facts.st_mode)) continue;
    ++seen;
    if (S_ISSOCK(facts.st_mode)) std::printf("socket %s\n", path.c_str());
    if (!S_ISSOCK(facts.st_mode) && devices.count(path) == 0 && can_write(path, facts, ours))
      std::printf("writable %s\n", path.c_str());
  }
  std::printf("saw %s\n", seen > 1000 ? "enough" : std::to_string(seen).c_str());
}

void connect_to(const char* path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un target{};
  target.sun_family = AF_UNIX;
  std::strncpy(target.sun_path, path, sizeof target.sun_path - 1);
  const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&target), sizeof target) == 0;
  std::printf("%s\n", connected ? "connected" : std::strerror(errno));
}

void tell(const char* call, long result) {
  std::printf("%s %s\n", call, result >= 0 ? "done" : std::strerror(errno));
  std::fflush(stdout);
}

void try_calls() {
  tell("unshare user", ::syscall(SYS_unshare, CLONE_NEWUSER));
  const long child = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) ::_exit(0);
  tell("clone user", child);
  tell("clone3", ::syscall(SYS_clone3, nullptr, 0));
  tell("ptrace", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  tell("keyctl", ::syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3 /* KEY_SPEC_SESSION_KEYRING */, 1));
  tell("mount", ::mount("none", "/tmp", "tmpfs", 0, nullptr));
  tell("umount", ::umount2("/proc", MNT_DETACH));
  tell("vsock", ::socket(AF_VSOCK, SOCK_STREAM, 0));
  tell("packet", ::socket(AF_PACKET, SOCK_RAW, 0));
  tell("inet", ::socket(AF_INET, SOCK_STREAM, 0));
  tell("netlink", ::socket(AF_NETLINK, SOCK_RAW, 0));
}

[[noreturn]] void eat_memory() {
  constexpr std::size_t kPiece = 8U << 20U;
  while (true) {
    void* volatile piece = std::malloc(kPiece);  // or a compiler may leave out what nobody reads
    if (piece == nullptr) {
      std::printf("fatal error: out of memory\n");
      std::fflush(stdout);
      ::_exit(2);
    }
    std::memset(piece, 1, kPiece);
  }
}

[[noreturn]] void fork_for_ever() {
  while (true)
    if (::fork() == 0)
      while (true) ::pause();
}

// One child after another until it is refused.
void count_forks() {
  int count = 0;
  while (true) {
    const pid_t child = ::fork();
    if (child < 0) break;
    if (child == 0)
      while (true) ::pause();
    ++count;
  }
  std::printf("%d\n", count);
  std::fflush(stdout);
  ::kill(-1, SIGKILL);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "walk") walk();
  if (what == "connect" && argc > 2) connect_to(argv[2]);
  if (what == "calls") try_calls();
  if (what == "memory") eat_memory();
  if (what == "forks") fork_for_ever();
  if (what == "count-forks") count_forks();
  return 0;
}
