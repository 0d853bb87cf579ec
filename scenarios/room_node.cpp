#include "scenarios/room_node.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <sstream>

#include "core/cancel.hpp"
#include "core/error.hpp"

namespace scenarios {
namespace {

constexpr std::chrono::seconds kComesUp{120};
constexpr std::chrono::seconds kGoes{20};

std::vector<std::string> up_command(const std::filesystem::path& program, const std::vector<std::string>& options) {
  std::vector<std::string> argv{program.string(), "up"};
  argv.insert(argv.end(), options.begin(), options.end());
  return argv;
}

}  // namespace

Node::Node(const std::filesystem::path& program, const std::vector<std::string>& options)
    : child_(up_command(program, options)) {
  const auto deadline = std::chrono::steady_clock::now() + kComesUp;
  std::string text;
  char buffer[4096];
  while (text.find("LAB_READY\n") == std::string::npos) {
    if (!core::wait_for(child_.output_fd(), POLLIN, std::chrono::milliseconds(500))) {
      if (std::chrono::steady_clock::now() > deadline)
        throw core::Error(core::ErrorKind::timeout, "the node does not come up: " + text);
      continue;
    }
    const ssize_t got = ::read(child_.output_fd(), buffer, sizeof buffer);
    if (got <= 0) throw core::Error(core::ErrorKind::storage, "the node did not come up: " + text);
    text.append(buffer, static_cast<std::size_t>(got));
  }
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::string line = text.substr(0, newline);
    if (const std::size_t equals = line.find('='); equals != std::string::npos)
      variables_[line.substr(0, equals)] = line.substr(equals + 1);
    text.erase(0, newline + 1);
  }
}

Node::~Node() { end(); }

// It tears down when its stdin ends; its output ends with it.
void Node::end() noexcept {
  if (ended_) return;
  ended_ = true;
  const core::CancelShield shield;
  child_.close_stdin();
  const auto deadline = std::chrono::steady_clock::now() + kGoes;
  char buffer[4096];
  while (std::chrono::steady_clock::now() < deadline) {
    if (core::wait_for(child_.output_fd(), POLLIN, std::chrono::milliseconds(100)) &&
        ::read(child_.output_fd(), buffer, sizeof buffer) <= 0)
      break;
  }
}

std::vector<std::string> Node::command(const std::string& script) const {
  std::vector<std::string> argv;
  std::istringstream words(variable("LAB_EXEC"));
  for (std::string word; words >> word;) argv.push_back(word);
  argv.insert(argv.end(), {"sh", "-ec", script});
  return argv;
}

core::CommandResult Node::try_run(const std::string& script, std::chrono::milliseconds timeout) const {
  return core::run_command({command(script), timeout});
}

std::string Node::run(const std::string& script, std::chrono::milliseconds timeout) const {
  core::CommandResult result = try_run(script, timeout);
  if (result.exit_code != 0)
    throw core::Error(core::ErrorKind::storage, fmt::format("on the node, exit code {} of: {}\n{}{}", result.exit_code,
                                                            script, result.out, result.err));
  while (result.out.ends_with('\n')) result.out.pop_back();
  return result.out;
}

std::unique_ptr<core::Child> Node::start(const std::string& script) const {
  return std::make_unique<core::Child>(command(script));
}

std::string Node::config_lines(const std::string& cluster) const {
  return fmt::format(
      "  {}:\n    host: {}\n    port: {}\n    user: {}\n    identity: {}\n    known_hosts: {}\n    ssh_config: "
      "/dev/null\n",
      cluster, variable("LAB_HOST"), variable("LAB_PORT"), variable("LAB_USER"), variable("LAB_IDENTITY"),
      variable("LAB_KNOWN_HOSTS"));
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    core::pause_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace scenarios
