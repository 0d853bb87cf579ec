#include "tests/crash_stepper.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "core/fd.hpp"

namespace crash {
namespace {

constexpr std::size_t kWritesPerStep = 16;
constexpr std::uint32_t kMakesOrEmpties = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);

// Which argument says what is changed.
enum class Names { fd0, fd2, path0, path0_path1, at0, at0_at2, at1_of_path0 };

struct Call {
  long number;
  const char* name;
  Names names;
  int open_flags = -1;  // only with kMakesOrEmpties in this argument
};

constexpr std::array kCalls{
    Call{SYS_write, "write", Names::fd0},
    Call{SYS_pwrite64, "pwrite64", Names::fd0},
    Call{SYS_writev, "writev", Names::fd0},
    Call{SYS_pwritev, "pwritev", Names::fd0},
    Call{SYS_pwritev2, "pwritev2", Names::fd0},
    Call{SYS_sendfile, "sendfile", Names::fd0},
    Call{SYS_splice, "splice", Names::fd2},
    Call{SYS_copy_file_range, "copy_file_range", Names::fd2},
    Call{SYS_ftruncate, "ftruncate", Names::fd0},
    Call{SYS_fallocate, "fallocate", Names::fd0},
    Call{SYS_fsync, "fsync", Names::fd0},
    Call{SYS_fdatasync, "fdatasync", Names::fd0},
    Call{SYS_fchmod, "fchmod", Names::fd0},
    Call{SYS_fchown, "fchown", Names::fd0},
    Call{SYS_fsetxattr, "fsetxattr", Names::fd0},
    Call{SYS_truncate, "truncate", Names::path0},
    Call{SYS_setxattr, "setxattr", Names::path0},
    Call{SYS_openat, "openat", Names::at0, 2},
    Call{SYS_openat2, "openat2", Names::at0},
    Call{SYS_renameat2, "renameat2", Names::at0_at2},
    Call{SYS_linkat, "linkat", Names::at0_at2},
    Call{SYS_symlinkat, "symlinkat", Names::at1_of_path0},
    Call{SYS_unlinkat, "unlinkat", Names::at0},
    Call{SYS_mkdirat, "mkdirat", Names::at0},
    Call{SYS_mknodat, "mknodat", Names::at0},
    Call{SYS_fchmodat, "fchmodat", Names::at0},
    Call{SYS_fchownat, "fchownat", Names::at0},
    Call{SYS_utimensat, "utimensat", Names::at0},
#ifdef SYS_renameat
    Call{SYS_renameat, "renameat", Names::at0_at2},
#endif
#ifdef SYS_open  // the calls from before the *at ones, which newer architectures do not have
    Call{SYS_open, "open", Names::path0, 1},
    Call{SYS_creat, "creat", Names::path0},
    Call{SYS_rename, "rename", Names::path0_path1},
    Call{SYS_link, "link", Names::path0_path1},
    Call{SYS_symlink, "symlink", Names::path0_path1},
    Call{SYS_unlink, "unlink", Names::path0},
    Call{SYS_mkdir, "mkdir", Names::path0},
    Call{SYS_rmdir, "rmdir", Names::path0},
    Call{SYS_mknod, "mknod", Names::path0},
    Call{SYS_chmod, "chmod", Names::path0},
    Call{SYS_chown, "chown", Names::path0},
    Call{SYS_lchown, "lchown", Names::path0},
    Call{SYS_utimes, "utimes", Names::path0},
#endif
};

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

// A filter that stops a call of the table and lets all others run at full speed.
std::vector<sock_filter> make_filter() {
  const auto argument = [](int index) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) +
                                      sizeof(std::uint64_t) * static_cast<unsigned>(index));
  };
  const sock_filter stop = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
  const sock_filter pass = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  std::vector<sock_filter> filter{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const Call& call : kCalls) {
    const auto number = static_cast<std::uint32_t>(call.number);
    if (call.open_flags < 0) {
      filter.insert(filter.end(), {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), stop});
    } else {
      filter.insert(filter.end(), {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),
                                   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(call.open_flags)),
                                   BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kMakesOrEmpties, 0, 1), stop, pass});
    }
  }
  filter.push_back(pass);
  return filter;
}

std::string link_text(const std::string& link) {
  std::error_code gone;
  return std::filesystem::read_symlink(link, gone).string();
}

bool is_device(const std::string& path) {
  std::error_code none;
  return std::filesystem::is_character_file(path, none);  // "> /dev/null"
}

// One thread of the victim, standing before a call.
class Stopped {
 public:
  explicit Stopped(pid_t thread) : proc_("/proc/" + std::to_string(thread)) {
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info_, &info_) <= 0) fail("asking for the system call");
  }

  /// Empty when it changes no file: a write to a pipe, a socket or our own ears.
  std::optional<Step> step() const {
    for (const Call& call : kCalls) {
      if (static_cast<std::uint64_t>(call.number) != info_.seccomp.nr) continue;
      Step step{call.name, {}, {}};
      switch (call.names) {
        case Names::fd0:
        case Names::fd2:
          return of_descriptor(step, call.names == Names::fd0 ? 0 : 2);
        case Names::path0_path1:
          step.target = path(AT_FDCWD, argument(1));
          [[fallthrough]];
        case Names::path0:
          step.path = path(AT_FDCWD, argument(0));
          if (call.open_flags >= 0 && is_device(step.path)) return std::nullopt;
          return step;
        case Names::at0_at2:
          step.target = path(descriptor(2), argument(3));
          [[fallthrough]];
        case Names::at0:
          step.path = path(descriptor(0), argument(1));
          if (call.open_flags >= 0 && is_device(step.path)) return std::nullopt;
          return step;
        case Names::at1_of_path0:
          step.path = path(descriptor(1), argument(2));
          return step;
      }
    }
    return std::nullopt;
  }

 private:
  std::uint64_t argument(int index) const { return info_.seccomp.args[index]; }
  int descriptor(int index) const { return static_cast<int>(argument(index)); }

  std::optional<Step> of_descriptor(Step& step, int index) const {
    const std::string link = proc_ + "/fd/" + std::to_string(descriptor(index));
    struct stat facts {};
    if (::stat(link.c_str(), &facts) != 0 || !(S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode))) return std::nullopt;
    step.path = link_text(link);
    if (step.path.starts_with("/memfd:")) return std::nullopt;
    return step;
  }

  std::string path(int base, std::uint64_t address) const {
    const std::string name = address == 0 ? "" : text(address);
    if (name.starts_with('/')) return name;
    const std::string start = link_text(base == AT_FDCWD ? proc_ + "/cwd" : proc_ + "/fd/" + std::to_string(base));
    return name.empty() ? start : start + "/" + name;
  }

  std::string text(std::uint64_t address) const {
    const core::Fd memory(::open((proc_ + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 4097> buffer{};
    if (::pread(memory.get(), buffer.data(), buffer.size() - 1, static_cast<off_t>(address)) <= 0)
      fail("reading a path of " + proc_);
    return buffer.data();
  }

  std::string proc_;
  __ptrace_syscall_info info_{};
};

// Which stops are steps.
class Counter {
 public:
  bool counts(const Step& step) {
    const bool writes = step.call.find("write") != std::string::npos;
    if (!writes || step.path != written_) row_ = 0;
    written_ = writes ? step.path : "";
    if (!writes) return true;
    ++row_;
    return row_ <= 2 || row_ % kWritesPerStep == 0;
  }

 private:
  std::string written_;
  std::size_t row_ = 0;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> whole_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (const std::string text = *entry; !added.contains(text.substr(0, text.find('=')))) all.push_back(text);
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

// The traced program: a process group of its own, in which all are traced from their first instruction.
class Tracee {
 public:
  explicit Tracee(const Victim& victim) : output_(::memfd_create("output", MFD_CLOEXEC)) {
    std::vector<sock_filter> filter = make_filter();
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    std::vector<std::string> argv_texts = victim.argv;
    std::map<std::string, std::string> added = victim.environment;
    added.try_emplace("ASAN_OPTIONS", "detect_leaks=0");  // LeakSanitizer cannot look at who is traced already
    std::vector<std::string> environment_texts = whole_environment(added);
    const std::vector<char*> argv = pointers(argv_texts);
    const std::vector<char*> environment = pointers(environment_texts);
    int gate[2];
    if (!output_ || ::pipe2(gate, O_CLOEXEC) != 0) fail("a pipe");
    const core::Fd entry(gate[0]);
    core::Fd opener(gate[1]);
    leader_ = ::fork();
    if (leader_ < 0) fail("fork");
    if (leader_ == 0) {
      ::close(opener.get());
      enter(entry.get(), program, argv.data(), environment.data());
    }
    ::setpgid(leader_, leader_);
    const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                         PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SEIZE, leader_, nullptr, options) != 0) {
      const int saved = errno;
      kill();
      ::waitpid(leader_, nullptr, 0);
      errno = saved;
      fail("tracing");
    }
    opener.reset();
  }
  Tracee(Tracee&&) = delete;
  ~Tracee() {
    kill();
    while (::waitpid(-leader_, nullptr, __WALL) > 0 || errno == EINTR) {
    }
  }

  pid_t leader() const { return leader_; }
  void kill() const { ::kill(-leader_, SIGKILL); }

  std::string output() const {
    std::string text;
    std::array<char, 4096> buffer;
    ::lseek(output_.get(), 0, SEEK_SET);
    for (ssize_t got = 0; (got = ::read(output_.get(), buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(got));
    return text;
  }

 private:
  // In the child; waits until it is traced.
  [[noreturn]] void enter(int gate, const sock_fprog& program, char* const* argv, char* const* environment) const {
    ::setpgid(0, 0);
    char none = 0;
    [[maybe_unused]] const ssize_t opened = ::read(gate, &none, 1);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDIN_FILENO);
    ::dup2(output_.get(), STDOUT_FILENO);
    ::dup2(output_.get(), STDERR_FILENO);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
      ::execvpe(argv[0], argv, environment);
    ::dprintf(STDERR_FILENO, "%s: %s\n", argv[0], std::strerror(errno));
    ::_exit(127);
  }

  core::Fd output_;
  pid_t leader_ = -1;
};

}  // namespace

std::string to_string(const Step& step) {
  return step.call + " " + step.path + (step.target.empty() ? "" : " " + step.target);
}

std::string missing() {
  try {
    run({{"true"}, {}});
    return {};
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

Outcome run(const Victim& victim, std::size_t kill_before, const Look& look) {
  const Tracee tracee(victim);
  Outcome outcome;
  Counter counter;
  while (true) {
    int status = 0;
    const pid_t thread = ::waitpid(-tracee.leader(), &status, __WALL);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) break;  // all have ended
    if (!WIFSTOPPED(status)) {
      if (thread == tracee.leader())
        outcome.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      continue;
    }
    const int event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP && !outcome.killed_before) {
      const std::optional<Step> step = Stopped(thread).step();
      if (step && counter.counts(*step)) {
        ++outcome.steps;
        if (look) look(*step);
        if (outcome.steps == kill_before) {
          outcome.killed_before = step;
          tracee.kill();  // the kernel does not carry out a call whose caller is being killed
          continue;
        }
      }
    }
    // Signals are passed on; the stops of ptrace itself carry none.
    const long signal = event == 0 ? WSTOPSIG(status) : 0;
    if (::ptrace(PTRACE_CONT, thread, nullptr, signal) != 0 && errno != ESRCH) fail("going on");
  }
  outcome.output = tracee.output();
  return outcome;
}

}  // namespace crash
