#include "drill/sandbox/sandbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "drill/sandbox/fd_passing.hpp"
#include "drill/sandbox/sandbox_init.hpp"
#include "drill/sandbox/sandbox_refusal.hpp"

namespace drill {
namespace {

constexpr std::chrono::seconds kReplyTimeout{30};
constexpr std::chrono::seconds kAnswerPatience{30};
constexpr std::size_t kAnswerBytes = 4096;

struct Refused {
  int errno_value = 0;
  std::string what;
};

// "failed ERRNO WHAT"
Refused parse_refused(const std::string& message) {
  Refused refused;
  int consumed = 0;
  std::sscanf(message.c_str(), "failed %d %n", &refused.errno_value, &consumed);
  refused.what = message.substr(static_cast<std::size_t>(consumed));
  return refused;
}

core::Error not_made(const std::string& message) {
  const auto [errno_value, what] = parse_refused(message);
  if (errno_value == EPERM || errno_value == EACCES || errno_value == ENOSPC)
    return core::Error(core::ErrorKind::denied, why_no_sandbox(what, errno_value, ::geteuid()));
  return core::system_error(errno_value, what);
}

std::string link_target(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::read_symlink(path, ignored).string();
}

}  // namespace

Sandbox::Sandbox(const Caps& caps) : caps_(caps), cgroup_(caps) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    throw core::system_error(errno, "making a socket pair");
  socket_ = core::Fd(pair[0]);
  core::Fd theirs(pair[1]);
  outer_ = ::fork();
  if (outer_ < 0) throw core::system_error(errno, "forking the sandbox");
  if (outer_ == 0) {
    // Nothing of the drill's is asked for in there: neither its locks nor its files.
    ::dup2(theirs.get(), 3);
    ::syscall(SYS_close_range, 4U, ~0U, 0U);
    (void)theirs.release();
    (void)socket_.release();
    ::fcntl(3, F_SETFD, FD_CLOEXEC);
    run_sandbox(core::Fd(3), caps_, cgroup_);
  }
  theirs.reset();
  try {
    while (!root_ || pid_namespace_.empty()) {
      if (!core::wait_for(socket_.get(), POLLIN, kReplyTimeout))
        throw core::Error(core::ErrorKind::timeout, "the sandbox does not answer");
      std::optional<PassedMessage> message = receive_message(socket_.get());
      if (!message) throw core::Error(core::ErrorKind::storage, "the sandbox died while it was being made");
      if (message->bytes.starts_with("failed ")) throw not_made(message->bytes);
      if (message->bytes == "hidden") hidden_ = std::move(message->fd);
      if (message->bytes == "inside") root_ = std::move(message->fd);
      if (message->bytes.starts_with("outside "))
        pid_namespace_ = link_target("/proc/" + message->bytes.substr(8) + "/ns/pid");
    }
  } catch (...) {
    stop({});
    throw;
  }
}

Sandbox::~Sandbox() { stop({}); }

Answer ask_in_sandbox(const std::vector<std::string>& argv, std::string_view name, const Caps& caps) {
  const auto deadline = std::chrono::steady_clock::now() + kAnswerPatience;
  const auto late = [&] {
    return core::Error(core::ErrorKind::timeout,
                       fmt::format("{} does not end within {}", argv[0], core::format_duration(kAnswerPatience)));
  };
  Sandbox sandbox(caps);
  const core::Fd output = sandbox.start(argv, name);
  Answer answer;
  std::array<char, kAnswerBytes> block;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !core::wait_for(output.get(), POLLIN, left)) throw late();
    const ssize_t got = ::read(output.get(), block.data(), block.size());
    if (got <= 0) break;
    answer.said.append(block.data(), static_cast<std::size_t>(got));
    if (answer.said.size() > kAnswerBytes) return answer;
  }
  while (!sandbox.exit_status()) {
    if (std::chrono::steady_clock::now() > deadline) throw late();
    core::pause_for(std::chrono::milliseconds(2));
  }
  answer.status = *sandbox.exit_status();
  return answer;
}

void try_sandbox(const Caps& caps) {
  const ExitStatus status = ask_in_sandbox({"/bin/true"}, "true", caps).status;
  if (status.code != 0 || status.signal != 0)
    throw core::Error(core::ErrorKind::storage,
                      fmt::format("/bin/true in the sandbox ended with {}",
                                  status.signal != 0 ? fmt::format("signal {}", status.signal)
                                                     : fmt::format("exit code {}", status.code)));
}

std::filesystem::path Sandbox::root() const { return "/proc/self/fd/" + std::to_string(root_.get()); }

std::filesystem::path Sandbox::hidden() const { return "/proc/self/fd/" + std::to_string(hidden_.get()); }

core::Fd Sandbox::start(const std::vector<std::string>& argv, std::string_view name) {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::canonical(argv.at(0), error);
  if (error) throw core::system_error(error.value(), argv.at(0));
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) throw core::system_error(errno, "making a pipe");
  core::Fd output(pipe_ends[0]);
  const core::Fd input(pipe_ends[1]);
  std::string order = fmt::format("start{0}{1}{0}{2}", '\0', name, program.string());
  for (std::size_t i = 1; i < argv.size(); ++i) order += '\0' + argv[i];
  exit_status_.reset();
  request(order, input.get());
  core::in_context(fmt::format("{} does not start", program.string()), [&] { receive_reply(); });
  return output;
}

core::Fd Sandbox::open_socket() {
  request("socket", -1);
  return receive_reply();
}

std::optional<ExitStatus> Sandbox::exit_status() {
  while (!exit_status_ && socket_ && receive_notice(std::chrono::milliseconds(0))) {
  }
  if (exit_status_ && exit_status_->reached) return exit_status_;
  const std::optional<Cap> reached = cgroup_.reached();
  // The kernel kills for memory; for processes it only refuses, and a program may try for ever.
  if (reached == Cap::pids && !exit_status_) {
    if (socket_) send_message(socket_.get(), "kill");
    exit_status_ = ExitStatus{0, SIGKILL};
  }
  if (exit_status_) exit_status_->reached = reached;
  return exit_status_;
}

std::vector<std::string> Sandbox::stop(std::chrono::milliseconds patience) {
  if (outer_ < 0) return {};
  try {
    if (patience.count() > 0 && !exit_status() && send_message(socket_.get(), "terminate")) receive_notice(patience);
  } catch (const core::Error&) {
    // Cancelled while being patient: everything is killed now.
  }
  socket_.reset();
  root_.reset();
  hidden_.reset();
  int status = 0;
  // The init ends with its lifeline; the kernel kills what is left inside before waitpid returns.
  while (::waitpid(outer_, &status, 0) < 0 && errno == EINTR) {
  }
  outer_ = -1;
  std::vector<std::string> leftovers;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    if (pid_namespace_.empty()) break;
    if (link_target((entry.path() / "ns/pid").string()) == pid_namespace_)
      leftovers.push_back("process " + entry.path().filename().string());
  }
  for (std::string& left : cgroup_.remove()) leftovers.push_back(std::move(left));
  return leftovers;
}

void Sandbox::request(std::string_view message, int fd) {
  if (!send_message(socket_.get(), message, fd)) throw core::Error(core::ErrorKind::storage, "the sandbox is gone");
}

core::Fd Sandbox::receive_reply() {
  while (true) {
    if (!core::wait_for(socket_.get(), POLLIN, kReplyTimeout))
      throw core::Error(core::ErrorKind::timeout, "the sandbox does not answer");
    std::optional<PassedMessage> message = receive_message(socket_.get());
    if (!message) throw core::Error(core::ErrorKind::storage, "the sandbox is gone");
    if (message->bytes.starts_with("failed ")) {
      const auto [errno_value, what] = parse_refused(message->bytes);
      throw core::system_error(errno_value, "the sandbox: " + what);
    }
    if (message->bytes == "done") return std::move(message->fd);
    ExitStatus status;
    if (std::sscanf(message->bytes.c_str(), "exited %d %d", &status.code, &status.signal) == 2) exit_status_ = status;
  }
}

bool Sandbox::receive_notice(std::chrono::milliseconds patience) {
  if (!core::wait_for(socket_.get(), POLLIN, patience)) return false;
  const std::optional<PassedMessage> message = receive_message(socket_.get());
  ExitStatus status;
  if (!message || std::sscanf(message->bytes.c_str(), "exited %d %d", &status.code, &status.signal) != 2) return false;
  exit_status_ = status;
  return true;
}

}  // namespace drill
