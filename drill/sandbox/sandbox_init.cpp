#include "drill/sandbox/sandbox_init.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "drill/sandbox/failure.hpp"
#include "drill/sandbox/fd_passing.hpp"
#include "drill/sandbox/lockdown.hpp"
#include "drill/sandbox/network.hpp"
#include "drill/sandbox/sandbox.hpp"
#include "drill/sandbox/sandbox_root.hpp"

namespace drill {
namespace {

void write_text(const char* path, const std::string& text, const char* what) {
  const core::Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  must(static_cast<bool>(fd) && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()), what);
}

void enter_namespaces() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  must(::unshare(CLONE_NEWUSER) == 0, "making a user namespace");
  write_text("/proc/self/setgroups", "deny", "mapping groups");
  write_text("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1", "mapping the user");
  write_text("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1", "mapping the group");
  must(::unshare(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) == 0, "making network and PID namespaces");
}

void build_network() {
  must(raise_network(Sandbox::kAddress), "raising the network");
  const std::string_view hostname = "k3s-drill";
  must(::sethostname(hostname.data(), hostname.size()) == 0, "setting the host name");
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

constexpr int kSorry = 3;  // where a child says why it did not become the program

// What it says there: words of this very program, so that a pointer will do.
struct Refusal {
  int errno_value;
  const char* what;
};

// In the child: becomes the program at `path`. `words` as in start_program().
void run_program(const std::string& path, const std::vector<std::string>& words, int output, int sorry,
                 const std::optional<Caps>& limits) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::setsid();
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::dup2(sorry, kSorry);
  ::fcntl(kSorry, F_SETFD, FD_CLOEXEC);
  ::syscall(SYS_close_range, 4U, ~0U, 0U);
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (std::size_t i = 3; i < words.size(); ++i) argv.push_back(const_cast<char*>(words[i].c_str()));
  argv.push_back(nullptr);
  const std::string home = "HOME=" + std::string(Sandbox::kInsideRoot);
  const std::string tmpdir = "TMPDIR=" + std::string(Sandbox::kInsideRoot);
  std::array<char*, 4> environment{
      const_cast<char*>("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
      const_cast<char*>(home.c_str()), const_cast<char*>(tmpdir.c_str()), nullptr};
  leave_host();
  lock_down(limits);
  ::execve(path.c_str(), argv.data(), environment.data());
  throw Failure(errno, "cannot execute");
}

// `words`: "start", the name to run under, the program's path on the host, its arguments.
pid_t start_program(const std::vector<std::string>& words, int output, const std::optional<Caps>& limits) {
  const std::string path = std::string(Sandbox::kInsideRoot) + "/" + words.at(1);
  const core::Fd placeholder(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0700));
  must(::mount((kHost + words.at(2)).c_str(), path.c_str(), nullptr, MS_BIND, nullptr) == 0,
       "placing the engine's binary");
  int sorry[2];
  must(::pipe2(sorry, O_CLOEXEC) == 0, "making a pipe");
  const core::Fd from_child(sorry[0]);
  core::Fd to_parent(sorry[1]);
  const pid_t child = ::fork();
  must(child >= 0, "forking");
  if (child == 0) {
    try {
      run_program(path, words, output, to_parent.get(), limits);
    } catch (const Failure& failure) {
      const Refusal refusal{failure.errno_value(), failure.what()};
      [[maybe_unused]] const ssize_t put = ::write(kSorry, &refusal, sizeof refusal);
    }
    ::_exit(127);
  }
  to_parent.reset();  // so that the pipe ends with the exec
  Refusal refusal{};
  if (::read(from_child.get(), &refusal, sizeof refusal) != sizeof refusal) return child;
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  throw Failure(refusal.errno_value, refusal.what);
}

class Init {
 public:
  /// `limits`: those of a process, where no cgroup has them.
  Init(core::Fd socket, std::optional<Caps> limits) : socket_(std::move(socket)), limits_(limits) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &children, nullptr);
    children_ = core::Fd(::signalfd(-1, &children, SFD_CLOEXEC));
    must(static_cast<bool>(children_), "watching for children");
  }

  // Until the drill hangs up; then returning ends the init, and with it everything in the sandbox.
  void serve() {
    while (true) {
      std::array<pollfd, 2> fds{{{socket_.get(), POLLIN, 0}, {children_.get(), POLLIN, 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0) continue;
      if (fds[1].revents != 0) reap();
      if (fds[0].revents != 0 && !answer()) return;
    }
  }

 private:
  bool answer() {
    std::optional<PassedMessage> message = receive_message(socket_.get());
    if (!message) return false;
    try {
      const std::vector<std::string> words = split_words(message->bytes);
      const std::string& order = words.at(0);
      if (order == "start") {
        program_ = start_program(words, message->fd.get(), limits_);
        return send_message(socket_.get(), "done");
      }
      if (order == "socket") {
        const core::Fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        must(static_cast<bool>(made), "opening a socket");
        return send_message(socket_.get(), "done", made.get());
      }
      if (order == "terminate" && program_ > 0) ::kill(program_, SIGTERM);
      if (order == "kill") ::kill(-1, SIGKILL);  // all but us
      return true;
    } catch (const Failure& failure) {
      return send_message(socket_.get(), "failed " + std::to_string(failure.errno_value()) + " " + failure.what());
    }
  }

  void reap() {
    signalfd_siginfo ignored{};
    [[maybe_unused]] const ssize_t got = ::read(children_.get(), &ignored, sizeof ignored);
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != program_) continue;
      program_ = -1;
      const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
      const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      send_message(socket_.get(), "exited " + std::to_string(code) + " " + std::to_string(signal));
    }
  }

  core::Fd socket_;
  core::Fd children_;
  std::optional<Caps> limits_;
  pid_t program_ = -1;
};

[[noreturn]] void run_init(core::Fd& socket, const Caps& caps, const Cgroup& cgroup) {
  // The parent is outside our PID namespace; should it be gone already, the lifeline ends us.
  must(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "setting the parent-death signal");
  const bool held = cgroup.join();
  must(::unshare(CLONE_NEWNS) == 0, "making a mount namespace");
  build_root(caps.memory_bytes);
  build_network();
  const core::Fd root(::open(std::string(Sandbox::kInsideRoot).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  must(static_cast<bool>(root) && ::fchdir(root.get()) == 0, "entering the private tmpfs");
  {
    const core::Fd hidden = make_hidden_directory(caps.memory_bytes);
    must(send_message(socket.get(), "hidden", hidden.get()) && send_message(socket.get(), "inside", root.get()),
         "telling the drill");
  }
  Init(std::move(socket), held ? std::nullopt : std::optional<Caps>(caps)).serve();
  ::_exit(0);
}

}  // namespace

void run_sandbox(core::Fd socket, const Caps& caps, Cgroup& cgroup) {
  // Ctrl-C is the drill's to handle. A drill that is killed takes init with it, whose lifeline it holds; we wait for
  // that, and then remove the cgroup, which cannot be done while somebody is in it.
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP}) ::signal(signal, SIG_IGN);
  try {
    enter_namespaces();
    const pid_t init = ::fork();
    must(init >= 0, "forking the init");
    if (init == 0) run_init(socket, caps, cgroup);
    must(send_message(socket.get(), "outside " + std::to_string(init)), "telling the drill");
    socket.reset();
    int status = 0;
    while (::waitpid(init, &status, 0) < 0 && errno == EINTR) {
    }
    cgroup.remove();
    ::_exit(0);
  } catch (const Failure& failure) {
    send_message(socket.get(), "failed " + std::to_string(failure.errno_value()) + " " + failure.what());
    ::_exit(1);
  }
}

}  // namespace drill
