#include "puller/node/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace node {

Child::Child(std::vector<std::string> argv) {
  int pipe[2];
  if (argv.empty() || ::pipe2(pipe, O_CLOEXEC) != 0) return;
  out_ = core::Fd(pipe[0]);
  const core::Fd in(pipe[1]);
  const pid_t parent = ::getpid();
  std::vector<char*> arguments;
  for (std::string& word : argv) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  child_ = ::fork();
  if (child_ != 0) return;
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = ::open("/dev/null", O_RDWR);
  if (::getppid() == parent && ::dup2(nothing, 0) == 0 && ::dup2(in.get(), 1) == 1 && ::dup2(nothing, 2) == 2)
    ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

Child::~Child() {
  if (child_ < 0) return;
  ::kill(-child_, SIGKILL);
  ::kill(child_, SIGKILL);  // where it has not yet come so far as to have a group
  ::waitpid(child_, nullptr, 0);
}

std::string Child::answer(std::chrono::milliseconds patience, std::size_t size_bytes_at_most) {
  std::string text;
  if (child_ < 0) return text;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  char block[16384];
  while (text.size() < size_bytes_at_most) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{out_.get(), POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    const ssize_t got = ::read(out_.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(block, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace node
