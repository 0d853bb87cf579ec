#include "core/process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/process/v2/environment.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/stdio.hpp>
#include <sys/prctl.h>

#include <csignal>

#include "core/cancel.hpp"
#include "core/error.hpp"

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

void collect(asio::readable_pipe& pipe, std::string& into) {
  asio::async_read(pipe, asio::dynamic_buffer(into), [](const boost::system::error_code&, std::size_t) {});
}

}  // namespace

std::string find_program(const std::string& name) {
  return process::environment::find_executable(name).string();
}

CommandResult run_command(const Command& command) {
  const std::string name = command.argv.at(0);
  const std::string path = name.find('/') == std::string::npos ? find_program(name) : name;
  if (path.empty()) throw Error(ErrorKind::not_found, name + ": no such program in PATH");

  asio::io_context context;
  asio::readable_pipe out(context);
  asio::readable_pipe err(context);
  CommandResult result;
  try {
    process::process child(context, path, std::vector<std::string>(command.argv.begin() + 1, command.argv.end()),
                           process::process_stdio{nullptr, out, err}, DieWithParent{});
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
      throw Error(ErrorKind::timeout, name + " did not end within " +
                                          std::to_string(std::chrono::ceil<std::chrono::seconds>(command.timeout).count()) + " s");
    }
    result.exit_code = child.exit_code();
  } catch (const boost::system::system_error& error) {
    throw system_error(error.code().value(), "starting " + path);
  }
  return result;
}

}  // namespace core
