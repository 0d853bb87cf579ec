// A room with no door: user, network, PID, mount, IPC and UTS namespaces with a file system of its own (sandbox_root),
// no route to anything, no privileges (lockdown) and caps on what it may use up (cgroup).
// The engine runs in it; the drill stays outside and reaches in through a directory and through sockets handed out.
// It dies with us whatever happens to us: its init has a parent-death signal and a lifeline.
// Works as root, and without where the kernel allows user namespaces. It knows nothing of k3s.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.hpp"
#include "drill/sandbox/caps.hpp"
#include "drill/sandbox/cgroup.hpp"

namespace drill {

/// A program's end: what waitpid said, and why.
struct ExitStatus {
  int code = 0;                               // exit code, when `signal` is 0
  int signal = 0;                             // the signal that ended it, or 0
  std::optional<Cap> reached = std::nullopt;  // the cap that ended it, when it is known to have been one
};

class Sandbox {
 public:
  /// The only address inside besides loopback; from TEST-NET-3, which is nowhere.
  static constexpr std::string_view kAddress = "203.0.113.10";
  /// The private tmpfs as programs inside see it.
  static constexpr std::string_view kInsideRoot = "/tmp";

  /// Throws: denied when the kernel does not allow it (with the setting that does), storage.
  explicit Sandbox(const Caps& caps = {});
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  ~Sandbox();

  /// The private tmpfs as seen from outside: a path below /proc/self/fd, valid until stop().
  std::filesystem::path root() const;
  int root_fd() const { return root_.get(); }

  /// Another private tmpfs, as root(), to which no program inside has a path: for what it is to be compared with.
  std::filesystem::path hidden() const;

  /// Starts `argv` (argv[0] a host path, `name` the name it runs under) with stdin empty and both outputs on the
  /// returned pipe. One program at a time. Throws: not_found, denied, storage, also when it could not be executed.
  core::Fd start(const std::vector<std::string>& argv, std::string_view name);

  /// A TCP socket that belongs to the sandbox's network; connecting it reaches the inside. Throws: storage.
  core::Fd open_socket();

  const Caps& caps() const { return caps_; }

  /// The program's end, once it has ended. One that wants more processes than it may have is ended by this call.
  std::optional<ExitStatus> exit_status();

  /// SIGTERM, up to `patience` for the program to end, then everything in the sandbox is killed and waited for, and
  /// the tmpfs is gone. Idempotent. Returns what is left, which is nothing unless the kernel misbehaves.
  std::vector<std::string> stop(std::chrono::milliseconds patience);

 private:
  void request(std::string_view message, int fd);
  core::Fd receive_reply();
  bool receive_notice(std::chrono::milliseconds patience);

  Caps caps_;
  Cgroup cgroup_;
  core::Fd socket_;
  core::Fd root_;
  core::Fd hidden_;
  pid_t outer_ = -1;
  std::string pid_namespace_;
  std::optional<ExitStatus> exit_status_;
};

/// What a program said, of which 4 KiB are enough, and how it ended: by SIGKILL when it said more.
struct Answer {
  std::string said;
  ExitStatus status{0, SIGKILL};
};

/// Runs `argv` in a sandbox of its own, for at most 30 s. Throws: timeout, and as Sandbox and start().
Answer ask_in_sandbox(const std::vector<std::string>& argv, std::string_view name, const Caps& caps = {});

/// Makes one and runs a program in it, with all that an engine is held to. Throws: as Sandbox and start().
void try_sandbox(const Caps& caps);

}  // namespace drill
