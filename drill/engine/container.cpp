#include "drill/engine/container.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <thread>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"
#include "core/process.hpp"
#include "core/secret.hpp"
#include "drill/engine/release.hpp"
#include "drill/sandbox/fd_passing.hpp"
#include "drill/sandbox/inside.hpp"
#include "drill/sandbox/network.hpp"
#include "drill/sandbox/owner.hpp"

namespace drill {
namespace {

constexpr std::string_view kLabel = "k3s-drill.owner";
constexpr std::string_view kRoot = "/drill";
// The exit codes of kScript when the kernel killed for memory, and when it refused another process.
constexpr int kMemoryReached = 250;
constexpr int kPidsReached = 251;
constexpr std::chrono::milliseconds kPollInterval{20};
constexpr std::chrono::seconds kPatience{60};          // for a docker that does not answer
constexpr std::chrono::seconds kCancelledPatience{2};  // once somebody wants to go
constexpr std::chrono::seconds kRemovalPatience{10};
constexpr std::chrono::seconds kOrphanPatience{5};
constexpr std::size_t kMostEventsBytes = 4096;

// Inside the container: token and database arrive on stdin, and one line more once the engine may start; then stdin is
// the lifeline. The database is followed by nothing until it is placed: another `head` than this one may read ahead.
// A background command's stdin is /dev/null unless it is given one, so the lifeline has a number of its own.
constexpr std::string_view kScript = R"(
set -eu
umask 077
exec 3<&0
read -r token; read -r size
mkdir -p /drill/data/server/db
printf '%s\n' "$token" > /drill/token
: > /drill/config.yaml
head -c "$size" > /drill/data/server/db/state.db
: > /drill/placed
read -r go
"$@" < /dev/null 3<&- &
engine=$!
( cat > /dev/null; kill -9 $engine ) <&3 &
trap 'kill -TERM $engine' TERM
status=0; wait $engine || status=$?
reached() {
  [ -r "$1" ] || return 1
  while read -r name count; do [ "$name" != "$2" ] || [ "$count" = 0 ] || return 0; done < "$1"
  return 1
}
group=/sys/fs/cgroup
if reached $group/pids.events max || reached $group/pids/pids.events max; then status=251; fi
if reached $group/memory.events oom_kill || reached $group/memory/memory.oom_control oom_kill; then status=250; fi
exit $status
)";

core::CommandResult docker(std::vector<std::string> arguments, std::chrono::milliseconds patience = kPatience) {
  arguments.insert(arguments.begin(), "docker");
  return core::run_command({std::move(arguments), patience});
}

// As docker(), but whatever was cancelled: for cleaning up. Who cancelled does not wait long for one that hangs,
// though: then the container goes with its lifeline. Both outputs are in `out`; exit code -1 when it hangs.
core::CommandResult docker_uncancelled(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "docker");
  core::Child child(arguments);
  child.close_stdin();
  const auto begin = std::chrono::steady_clock::now();
  const auto is_late = [&] {
    return std::chrono::steady_clock::now() > begin + (core::cancel_requested() ? kCancelledPatience : kPatience);
  };
  core::CommandResult result{-1, {}, {}};
  std::array<char, 4096> buffer;
  for (bool open = true; !is_late();) {
    const std::optional<int> code = open ? std::nullopt : child.exit_code();
    if (code) {
      result.exit_code = *code;
      break;
    }
    pollfd output{open ? child.output_fd() : -1, POLLIN, 0};
    if (::poll(&output, 1, static_cast<int>(kPollInterval.count())) <= 0) continue;
    const ssize_t got = ::read(child.output_fd(), buffer.data(), buffer.size());
    open = got > 0;
    if (open) result.out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return result;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

core::Error missing_image(const std::string& image, const std::string& complaint) {
  const auto says = [&](std::string_view text) { return complaint.find(text) != std::string::npos; };
  if (says("o such image"))
    return {core::ErrorKind::not_found, fmt::format("no image {0} here: docker pull {0}", image)};
  return {says("permission denied") ? core::ErrorKind::denied : core::ErrorKind::not_found,
          "docker: " + first_line(complaint)};
}

// Runs `inside` in a child that has entered the network of `pid`, and returns the descriptor it made; an empty one
// stands for errno. `inside` does not throw.
core::Fd in_network_of(pid_t pid, const std::function<core::Fd()>& inside) {
  const core::Fd network = core::open_file(fmt::format("/proc/{}/ns/net", pid), O_RDONLY);
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    throw core::system_error(errno, "making a socket pair");
  const core::Fd ours(pair[0]);
  core::Fd theirs(pair[1]);
  const pid_t child = ::fork();
  if (child < 0) throw core::system_error(errno, "forking");
  if (child == 0) {
    if (::setns(network.get(), CLONE_NEWNET) != 0) {
      send_message(theirs.get(), std::to_string(errno));
      ::_exit(1);
    }
    const core::Fd made = inside();
    send_message(theirs.get(), std::to_string(made ? 0 : errno), made.get());
    ::_exit(0);
  }
  theirs.reset();
  std::optional<PassedMessage> message = receive_message(ours.get());
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!message || !message->fd)
    throw core::system_error(message ? std::atoi(message->bytes.c_str()) : EIO,
                             "entering the container's network (needs root)");
  return std::move(message->fd);
}

// A drill may have two at once: the restored control plane's, and the damaged twin's.
std::string next_name() {
  static int count = 0;
  return ++count == 1 ? fmt::format("k3s-drill-{}", ::getpid()) : fmt::format("k3s-drill-{}-{}", ::getpid(), count);
}

class ContainerEngine : public Engine {
 public:
  ContainerEngine(EngineChoice choice, const Caps& caps) : choice_(std::move(choice)), caps_(caps) {
    if (::geteuid() != 0)
      throw core::Error(core::ErrorKind::denied,
                        "the container engine needs root, to reach into the container's network");
  }

  ~ContainerEngine() override {
    try {
      stop({});
    } catch (const core::Error& error) {
      core::log_warning(fmt::format("container {}: {}", name_, error.what()));
    }
  }

  core::CopiedFile place(const RestoreSet& restore) override {
    if (std::filesystem::exists(restore.database.string() + "-wal"))
      throw core::Error(
          core::ErrorKind::usage,
          "a database with a -wal beside it cannot go into a container: checkpoint it first, or use another engine");
    restore_ = restore;
    name_ = next_name();
    client_.emplace(command_line());
    wait_until_running();
    in_network_of(pid_, [] {
      return raise_network(Sandbox::kAddress) ? core::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)) : core::Fd();
    });
    send_database();
    wait_until_placed();
    const core::Fd database = file_inside(root_.get(), inside("data/server/db/state.db"));
    return core::hash_file(fmt::format("/proc/self/fd/{}", database.get()));
  }

  void start() override { say("go\n"); }

  int output_fd() const override { return client_->output_fd(); }

  std::string read_kubeconfig() override {
    return read_inside(root_.get(), inside("kubeconfig.yaml"), kMostKubeconfigBytes).value_or("");
  }

  core::Fd open_socket() override {
    return in_network_of(pid_, [] { return core::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  }

  core::Fd datastore_socket() const override { return socket_inside(root_.get(), inside("data/server/kine.sock")); }

  std::optional<ExitStatus> exit_status() override {
    const std::optional<int> code = client_->exit_code();
    if (code == kMemoryReached) return ExitStatus{0, SIGKILL, Cap::memory};
    if (code && *code != kPidsReached) return ExitStatus{*code, 0};
    if (code || pids_reached()) return ExitStatus{0, SIGKILL, Cap::pids};
    return std::nullopt;
  }

  std::vector<std::string> stop(std::chrono::milliseconds patience) override {
    if (!client_) return {};
    if (patience.count() > 0) docker_uncancelled({"kill", "--signal", "TERM", name_});
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!client_->exit_code() && !core::cancel_requested() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(kPollInterval);
    docker_uncancelled({"rm", "-f", "-v", name_});
    client_.reset();
    // One that has just ended is being removed by the daemon already, and ours was refused then.
    const auto gone_by = std::chrono::steady_clock::now() + kRemovalPatience;
    while (true) {
      const core::CommandResult left = docker_uncancelled({"ps", "-a", "-q", "--filter", "name=^" + name_ + "$"});
      if (left.exit_code == 0 && left.out.empty()) return {};
      if (left.exit_code == -1) return {fmt::format("perhaps container {}: docker does not answer", name_)};
      if (std::chrono::steady_clock::now() > gone_by)
        return {left.exit_code == 0 ? "container " + name_
                                    : fmt::format("perhaps container {}: {}", name_, first_line(left.out))};
      std::this_thread::sleep_for(kPollInterval);
    }
  }

 private:
  std::vector<std::string> command_line() const {
    std::vector<std::string> argv{"docker", "run", "--rm", "-i", "--name", name_, "--pull", "never"};
    const auto add = [&](std::initializer_list<std::string> words) { argv.insert(argv.end(), words); };
    add({"--label", fmt::format("{}={}", kLabel, owner_mark()), "--network", "none"});
    add({"--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--ulimit", "core=1"});
    // As much swap as memory means none.
    add({"--memory", std::to_string(caps_.memory_bytes), "--memory-swap", std::to_string(caps_.memory_bytes)});
    add({"--pids-limit", std::to_string(caps_.pids)});
    add({"--tmpfs", fmt::format("{}:mode=0700,exec,size={}", kRoot, caps_.memory_bytes)});
    // What k3s writes beside its data, and what its image declares as volumes.
    for (const char* path :
         {"/run", "/etc/rancher", "/var/lib/rancher/k3s", "/var/lib/kubelet", "/var/lib/cni", "/var/log"})
      add({"--tmpfs", path});
    add({"--tmpfs", "/tmp:exec", "--entrypoint", "/bin/sh", choice_.path_or_image});
    add({"-c", std::string(kScript), "sh", "k3s"});
    for (std::string& argument : server_arguments(restore_, std::string(kRoot), Sandbox::kAddress))
      argv.push_back(std::move(argument));
    return argv;
  }

  // A file of the container's, from its root.
  static std::filesystem::path inside(std::string_view name) { return fmt::format("{}/{}", kRoot.substr(1), name); }

  // For processes the kernel only refuses, and an engine may try for ever.
  bool pids_reached() const {
    for (const char* file : {"pids.events", "pids/pids.events"}) {
      std::istringstream events(
          read_inside(root_.get(), fmt::format("sys/fs/cgroup/{}", file), kMostEventsBytes).value_or(""));
      std::string word;
      unsigned long count = 0;
      if (events >> word >> count && count != 0) return true;
    }
    return false;
  }

  void wait_until_running() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      if (client_->exit_code()) throw core::Error(core::ErrorKind::not_found, "docker run: " + read_output());
      const core::CommandResult result = docker({"inspect", "--format", "{{.State.Pid}}", name_});
      if (result.exit_code == 0 && (pid_ = std::atoi(result.out.c_str())) > 0) {
        root_ = core::open_file(fmt::format("/proc/{}/root", pid_), O_PATH | O_DIRECTORY);
        return;
      }
      core::pause_for(kPollInterval);
    }
    throw core::Error(core::ErrorKind::timeout, "the container did not start within 60 s");
  }

  void wait_until_placed() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!file_inside(root_.get(), inside("placed"))) {
      if (client_->exit_code())
        throw core::Error(core::ErrorKind::storage, "the container ended before it had the database: " + read_output());
      if (std::chrono::steady_clock::now() > deadline)
        throw core::Error(core::ErrorKind::timeout, "the container did not take the database within 60 s");
      core::pause_for(kPollInterval);
    }
  }

  std::string read_output() {
    std::string text(4096, '\0');
    if (!core::wait_for(client_->output_fd(), POLLIN, std::chrono::seconds(1))) return "it said nothing";
    const ssize_t got = ::read(client_->output_fd(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return first_line(text);
  }

  void say(std::string_view bytes) {
    core::in_context("writing to the container", [&] { client_->write(bytes, kPatience); });
  }

  void send_database() {
    const core::Fd database = core::open_file(restore_.database, O_RDONLY);
    const std::uintmax_t size_bytes = std::filesystem::file_size(restore_.database);
    const std::string_view token = restore_.token.content.view();
    say(core::Secret::taken_from(fmt::format("{}\n{}\n", token.substr(0, token.find('\n')), size_bytes)).view());
    std::string block(1U << 16U, '\0');
    while (true) {
      const ssize_t got = ::read(database.get(), block.data(), block.size());
      if (got < 0) throw core::system_error(errno, "reading " + restore_.database.string());
      if (got == 0) return;
      say(std::string_view(block.data(), static_cast<std::size_t>(got)));
    }
  }

  EngineChoice choice_;
  Caps caps_;
  RestoreSet restore_;
  std::string name_;
  std::optional<core::Child> client_;
  pid_t pid_ = -1;
  core::Fd root_;  // of its file system
};

}  // namespace

EngineChoice find_container(const std::string& pattern, const std::string& version) {
  std::string image = pattern;
  if (const std::size_t at = image.find("%v"); at != std::string::npos) {
    if (version.empty())
      throw core::Error(core::ErrorKind::not_found,
                        "the snapshot does not say its k3s version: name an image in engines.container.image");
    if (!is_k3s_version(version))
      throw core::Error(core::ErrorKind::not_found,
                        fmt::format("'{}' is no k3s version: name an image in engines.container.image", version));
    std::string tag = version;
    if (const std::size_t plus = tag.find('+'); plus != std::string::npos) tag[plus] = '-';
    image.replace(at, 2, tag);
  }
  const core::CommandResult found = docker({"image", "inspect", "--format", "{{.Id}}", image});
  if (found.exit_code != 0) throw missing_image(image, found.err);
  const core::CommandResult told = docker({"run",
                                           "--rm",
                                           "--network",
                                           "none",
                                           "--pull",
                                           "never",
                                           "--cap-drop",
                                           "ALL",
                                           "--security-opt",
                                           "no-new-privileges",
                                           "--read-only",
                                           "--memory",
                                           "1g",
                                           "--pids-limit",
                                           "256",
                                           "--label",
                                           fmt::format("{}={}", kLabel, owner_mark()),
                                           "--entrypoint",
                                           "k3s",
                                           image,
                                           "--version"});
  constexpr std::string_view prefix = "k3s version ";
  const std::string said = first_line(told.out);
  const std::string found_version =
      said.starts_with(prefix) ? said.substr(prefix.size(), said.find(' ', prefix.size()) - prefix.size()) : "";
  if (told.exit_code != 0 || !is_k3s_version(found_version))
    throw core::Error(core::ErrorKind::not_found,
                      image + ": its k3s does not answer --version: " + first_line(told.err));
  return {EngineKind::container, found_version, image};
}

std::unique_ptr<Engine> make_container_engine(const EngineChoice& choice, const Caps& caps) {
  return std::make_unique<ContainerEngine>(choice, caps);
}

// Their lifeline ends them with their drill; but not one that was made and never started, and not when docker's daemon
// went down first.
void remove_orphaned_containers() {
  if (::geteuid() != 0 || core::find_program("docker").empty()) return;
  try {
    const core::CommandResult listed = docker({"ps", "-a", "--filter", fmt::format("label={}", kLabel), "--format",
                                               fmt::format("{{{{.ID}}}} {{{{.Label \"{}\"}}}}", kLabel)},
                                              kOrphanPatience);
    std::istringstream lines(listed.out);
    for (std::string id, mark; lines >> id >> mark;)
      if (!owner_lives(mark)) docker({"rm", "-f", "-v", id});
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::cancelled) throw;
    core::log_warning(fmt::format("looking for containers of dead drills: {}", error.what()));
  }
}

}  // namespace drill
