#include "tests/cli/bench.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "core/atomic_file.hpp"
#include "core/cancel.hpp"
#include "core/file.hpp"
#include "drill/sandbox/owner.hpp"

namespace bench {
namespace {

std::string from_environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

std::string read_all(const std::filesystem::path& path) {
  std::ostringstream text;  // which takes a process that has just gone for an empty file; an iterator would throw
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

bool Background::says(const std::string& words) {
  char buffer[4096];
  while (said.find(words) == std::string::npos) {
    if (!core::wait_for(child.output_fd(), POLLIN, std::chrono::seconds(90))) return false;
    const ssize_t got = ::read(child.output_fd(), buffer, sizeof buffer);
    if (got <= 0) return false;
    said.append(buffer, static_cast<std::size_t>(got));
  }
  return true;
}

std::optional<int> Background::ends() {
  says("no such words");
  lab::eventually([&] { return child.exit_code().has_value(); });
  return child.exit_code();
}

std::string drill_program() { return from_environment("DRILL_PROGRAM", DRILL_BINARY_DIR "/bin/drill"); }
std::string standin_program() { return from_environment("DRILL_STANDIN", DRILL_SOURCE_DIR "/build/k3s-standin"); }

std::filesystem::path seed() {
  static const std::string path = [] {
    if (const char* given = std::getenv("DRILL_SEED")) return std::string(given);
    const core::CommandResult made =
        core::run_command({{DRILL_SOURCE_DIR "/scenarios/lab/seed"}, std::chrono::minutes(4)});
    if (made.exit_code != 0) throw std::runtime_error("no seed: " + made.err);
    return made.out.substr(0, made.out.find('\n'));
  }();
  return path;
}

core::CommandResult drill(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{drill_program()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return core::run_command({argv, std::chrono::minutes(2)});
}

nlohmann::json parse(const core::CommandResult& result) {
  try {
    return nlohmann::json::parse(result.out);
  } catch (const nlohmann::json::exception&) {
    throw std::runtime_error("not one JSON document: " + result.out + result.err);
  }
}

Setup::Setup(const std::string& more_clusters) {
  core::write_new_file(config, "store: " + store.string() + "\nengines:\n  standin:\n    path: " + standin_program() +
                                   "\nclusters:\n" + cluster_lines("edge", node.target()) + more_clusters);
}

core::CommandResult Setup::drill(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"--config", config.string()});
  return bench::drill(arguments);
}

std::string cluster_lines(const std::string& cluster, const puller::Target& target) {
  return "  " + cluster + ":\n    host: " + target.host + "\n    port: " + std::to_string(*target.port) +
         "\n    user: " + *target.user + "\n    identity: " + target.identity->string() +
         "\n    known_hosts: " + target.known_hosts->string() + "\n    ssh_config: /dev/null\n";
}

void Desk::write_config(const std::string& settings, const std::string& clusters) const {
  core::write_file_atomically(config, "store: " + store.string() + "\n" + settings + "clusters:\n" + clusters);
}

std::vector<std::string> Desk::command(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv{drill_program(), "--config", config.string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

core::CommandResult Desk::drill(const std::vector<std::string>& arguments) const {
  return core::run_command({command(arguments), std::chrono::minutes(2)});
}

Bare::Bare() {
  node.make_database(200, 1000);
  configure("");
}

void Bare::configure(const std::string& settings, const std::string& more_clusters) const {
  write_config(settings, cluster_lines("edge", node.target()) + more_clusters);
}

Files::Files() {
  core::copy_file(seed() / "server/db/state.db", database);
  core::copy_file(seed() / "server/token", token);
}

namespace {

// A drill's sandbox is a fork of it: both were given the TMPDIR of the desk that started the drill.
bool has_tmpdir(const std::string& pid, const std::filesystem::path& scratch) {
  const std::string environment = std::string(1, '\0') + read_all("/proc/" + pid + "/environ");
  return environment.find(std::string(1, '\0') + "TMPDIR=" + scratch.string() + std::string(1, '\0')) !=
         std::string::npos;
}

std::string parent_of(const std::string& pid) {
  std::istringstream status(read_all("/proc/" + pid + "/status"));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("PPid:")) return line.substr(line.find_last_of(" \t") + 1);
  return {};
}

enum class Whose { ours, another_drills, a_dead_ones };

// By the mark in its name, PID.STARTTIME of the drill.
Whose whose(const std::filesystem::path& cgroup, const std::filesystem::path& scratch) {
  const std::string mark = cgroup.filename().string().substr(std::string("k3s-drill.").size());
  if (!drill::owner_lives(mark)) return Whose::a_dead_ones;
  return has_tmpdir(mark.substr(0, mark.find('.')), scratch) ? Whose::ours : Whose::another_drills;
}

std::vector<std::filesystem::path> cgroups() {
  std::vector<std::filesystem::path> found;
  std::error_code none;
  const auto add = [&](const std::filesystem::path& path) {
    if (path.filename().string().starts_with("k3s-drill.")) found.push_back(path);
  };
  for (const auto& hierarchy : std::filesystem::directory_iterator("/sys/fs/cgroup", none)) {
    add(hierarchy.path());
    std::error_code file;
    for (const auto& entry : std::filesystem::directory_iterator(hierarchy, file)) add(entry.path());
  }
  return found;
}

}  // namespace

std::vector<std::string> traces(const std::filesystem::path& scratch) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    const std::string command = read_all(entry.path() / "cmdline");
    if (command.find("--write-kubeconfig=/tmp/kubeconfig.yaml") != std::string::npos &&
        has_tmpdir(parent_of(pid), scratch))
      found.push_back("process " + pid);
  }
  std::istringstream mounts(read_all("/proc/self/mounts"));
  for (std::string line; std::getline(mounts, line);)
    if (line.starts_with("k3s-drill")) found.push_back("mount " + line);
  if (read_all("/proc/net/fib_trie").find("203.0.113.10") != std::string::npos) found.push_back("address 203.0.113.10");
  for (const std::filesystem::path& cgroup : cgroups())
    if (whose(cgroup, scratch) == Whose::ours) found.push_back("cgroup " + cgroup.string());
  // Whose those of dead drills were cannot be told. Another test's are on their way out.
  const auto orphan = [&] {
    for (const std::filesystem::path& cgroup : cgroups())
      if (whose(cgroup, scratch) == Whose::a_dead_ones) return cgroup.string();
    return std::string();
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!orphan().empty() && std::chrono::steady_clock::now() < deadline)
    core::pause_for(std::chrono::milliseconds(20));
  if (const std::string left = orphan(); !left.empty()) found.push_back("cgroup " + left);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch))
    found.push_back("file " + entry.path().string());
  return found;
}

}  // namespace bench
