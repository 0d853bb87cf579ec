#include "core/foreground.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.hpp"

namespace core {
namespace {

constexpr int kPatienceMs = 2'500;  // for either way of asking

// Our environment with `changes` over it, as "NAME=value".
std::vector<std::string> merged_environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (changes.count(std::string(*entry, ::strcspn(*entry, "="))) == 0) merged.emplace_back(*entry);
  for (const auto& [name, value] : changes) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

// In the child: becomes the program, or tells why not.
[[noreturn]] void become(char* const* argv, char** environment, pid_t parent, int complain_to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  for (const int signal : {SIGINT, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_DFL);
  environ = environment;  // whose PATH is the one to look in
  ::execvp(argv[0], argv);
  const int errno_value = errno;
  [[maybe_unused]] const ssize_t put = ::write(complain_to, &errno_value, sizeof errno_value);
  ::_exit(127);
}

}  // namespace

Foreground::Foreground(const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment) {
  const std::vector<std::string> merged = merged_environment(environment);
  std::vector<char*> their_environment = pointers(merged);
  const std::vector<char*> their_argv = pointers(argv);
  int complaint[2];
  if (::pipe2(complaint, O_CLOEXEC) != 0) throw system_error(errno, "making a pipe");
  const Fd ours(complaint[0]);
  Fd theirs(complaint[1]);
  const pid_t parent = ::getpid();
  // Before it can be interrupted: a Ctrl-C of its start is its own already.
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGINT, &ignore, &interrupt_);
  ::sigaction(SIGQUIT, &ignore, &quit_);
  const auto restore = [this] {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGQUIT, &quit_, nullptr);
  };
  pid_ = ::fork();
  if (pid_ == 0) become(their_argv.data(), their_environment.data(), parent, theirs.get());
  theirs.reset();
  int errno_value = pid_ < 0 ? errno : 0;
  if (pid_ > 0 && ::read(ours.get(), &errno_value, sizeof errno_value) > 0) ::waitpid(pid_, nullptr, 0);
  if (errno_value == 0) {
    process_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
    if (process_) return;
    errno_value = errno;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  restore();
  if (errno_value == ENOENT) throw Error(ErrorKind::not_found, argv.at(0) + ": no such program");
  throw system_error(errno_value, "starting " + argv.at(0));
}

// Most programs end on SIGTERM; a shell that somebody sits at passes over that, and ends on SIGHUP.
Foreground::~Foreground() {
  for (const int signal : {SIGTERM, SIGHUP}) {
    if (exit_code()) break;
    ::kill(pid_, signal);
    ::kill(pid_, SIGCONT);
    pollfd end{process_.get(), POLLIN, 0};
    while (::poll(&end, 1, kPatienceMs) < 0 && errno == EINTR) {
    }
  }
  if (!exit_code()) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::sigaction(SIGINT, &interrupt_, nullptr);
  ::sigaction(SIGQUIT, &quit_, nullptr);
}

std::optional<int> Foreground::exit_code() {
  int status = 0;
  if (!exit_code_ && ::waitpid(pid_, &status, WNOHANG) == pid_)
    exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return exit_code_;
}

}  // namespace core
