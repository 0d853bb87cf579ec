#include "core/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/stdio.hpp>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/fd.hpp"
#include "core/file.hpp"

namespace core {
namespace {

namespace asio = boost::asio;
namespace process = boost::process::v2;

// A child of ours does not outlive us.
struct DieWithParent {
  template <class Launcher>
  boost::system::error_code on_exec_setup(Launcher&, const process::filesystem::path&, const char* const*) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return {};
  }
};

constexpr std::size_t kMostOutputBytes = 64U << 20U;

void collect(asio::readable_pipe& pipe, std::string& into) {
  asio::async_read(pipe, asio::dynamic_buffer(into, kMostOutputBytes),
                   [](const boost::system::error_code&, std::size_t) {});
}

// Closed in whatever else is started meanwhile: asio's own would stay open there, and never end here.
struct Pipe {
  Fd read;
  Fd write;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error(errno, "making a pipe");
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
};

std::string resolve(const std::string& name) {
  const std::string path = name.find('/') == std::string::npos ? find_program(name) : name;
  if (path.empty()) throw Error(ErrorKind::not_found, name + ": no such program in PATH");
  return path;
}

}  // namespace

std::string find_program(const std::string& name) {
  const char* variable = std::getenv("PATH");
  std::istringstream directories(variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::filesystem::path program = std::filesystem::path(directory) / name;
    std::error_code unreadable;  // a directory in PATH that is closed to us holds nothing for us
    if (std::filesystem::is_regular_file(program, unreadable) && ::access(program.c_str(), X_OK) == 0)
      return program.string();
  }
  return {};
}

struct Child::State {
  asio::io_context context;
  core::Fd input;
  core::Fd output;
  std::optional<process::process> process;
};

Child::Child(const std::vector<std::string>& argv) : state_(std::make_unique<State>()) {
  const std::string path = resolve(argv.at(0));
  int input[2];
  int output[2];
  if (::pipe2(input, O_CLOEXEC) != 0) throw system_error(errno, "making a pipe");
  const Fd their_input(input[0]);
  state_->input = Fd(input[1]);
  if (::pipe2(output, O_CLOEXEC) != 0) throw system_error(errno, "making a pipe");
  state_->output = Fd(output[0]);
  const Fd their_output(output[1]);
  try {
    state_->process.emplace(state_->context, path, std::vector<std::string>(argv.begin() + 1, argv.end()),
                            process::process_stdio{their_input.get(), their_output.get(), their_output.get()},
                            DieWithParent{});
  } catch (const boost::system::system_error& error) {
    throw system_error(error.code().value(), "starting " + path);
  }
}
Child::Child(Child&&) noexcept = default;
Child::~Child() {
  if (state_) kill();
}

int Child::stdin_fd() const { return state_->input.get(); }
int Child::output_fd() const { return state_->output.get(); }
int Child::pid() const { return state_->process->id(); }
void Child::close_stdin() { state_->input.reset(); }

void Child::write(std::string_view bytes, std::chrono::milliseconds patience) {
  while (!bytes.empty()) {
    if (!wait_for(stdin_fd(), POLLOUT, patience)) throw Error(ErrorKind::timeout, "it takes nothing more");
    // So much a pipe that is ready takes without making anybody wait. Source: pipe(7), PIPE_BUF.
    const std::string_view block = bytes.substr(0, PIPE_BUF);
    write_all(stdin_fd(), block, "a pipe");
    bytes.remove_prefix(block.size());
  }
}

std::optional<int> Child::exit_code() {
  boost::system::error_code error;
  if (state_->process->running(error)) return std::nullopt;
  const int status = state_->process->native_exit_code();
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void Child::kill() noexcept {
  boost::system::error_code ignored;
  if (state_->process && state_->process->running(ignored)) state_->process->terminate(ignored);
}

CommandResult run_command(const Command& command) {
  const std::string name = command.argv.at(0);
  const std::string path = resolve(name);
  asio::io_context context;
  Pipe output;
  Pipe errors;
  asio::readable_pipe out(context, output.read.release());
  asio::readable_pipe err(context, errors.read.release());
  CommandResult result;
  try {
    process::process child(context, path, std::vector<std::string>(command.argv.begin() + 1, command.argv.end()),
                           process::process_stdio{nullptr, output.write.get(), errors.write.get()}, DieWithParent{});
    output.write.reset();
    errors.write.reset();
    collect(out, result.out);
    collect(err, result.err);
    bool exited = false;
    child.async_wait([&](boost::system::error_code, int) { exited = true; });
    const auto deadline = std::chrono::steady_clock::now() + command.timeout;
    // The pipes end when the child and all it started have closed them; only then is the output whole.
    while (!context.stopped() && std::chrono::steady_clock::now() < deadline && !cancel_requested())
      context.run_for(std::chrono::milliseconds(50));
    if (!exited || !context.stopped()) {
      boost::system::error_code ignored;
      if (!exited) child.terminate(ignored);
      throw_if_cancelled();
      throw Error(ErrorKind::timeout,
                  name + " did not end within " +
                      std::to_string(std::chrono::ceil<std::chrono::seconds>(command.timeout).count()) + " s");
    }
    result.exit_code = child.exit_code();
  } catch (const boost::system::system_error& error) {
    throw system_error(error.code().value(), "starting " + path);
  }
  return result;
}

}  // namespace core
