#include "drill/container.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <functional>
#include <optional>
#include <sstream>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/process.hpp"
#include "core/sha256.hpp"
#include "drill/fd_passing.hpp"
#include "drill/network.hpp"

namespace drill {
namespace {

constexpr std::string_view kLabel = "k3s-drill.pid";
constexpr std::string_view kRoot = "/drill";

// Inside the container: token and database arrive on stdin, which then stays open as the lifeline.
// `read` takes single bytes from a pipe and `head` never gets to see more than the database, so nothing is lost between.
constexpr std::string_view kScript = R"(
set -eu
umask 077
read -r token; read -r size
mkdir -p /drill/data/server/db
printf '%s\n' "$token" > /drill/token
: > /drill/config.yaml
head -c "$size" > /drill/data/server/db/state.db
"$@" < /dev/null &
engine=$!
( cat > /dev/null; kill -9 $engine ) &
trap 'kill -TERM $engine' TERM
status=0; wait $engine || status=$?
exit $status
)";

core::CommandResult docker(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "docker");
  return core::run_command({std::move(arguments), std::chrono::seconds(60)});
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// Containers whose drill is dead: their lifeline ends them, but a docker daemon that was down meanwhile may keep one.
void remove_orphans() {
  const core::CommandResult listed =
      docker({"ps", "-a", "--filter", fmt::format("label={}", kLabel), "--format", fmt::format("{{{{.ID}}}} {{{{.Label \"{}\"}}}}", kLabel)});
  std::istringstream lines(listed.out);
  for (std::string id, pid; lines >> id >> pid;)
    if (::kill(std::atoi(pid.c_str()), 0) != 0 && errno == ESRCH) docker({"rm", "-f", id});
}

// Runs `inside` in a child that has entered the network of `pid`, and returns the descriptor it made.
core::Fd in_network_of(pid_t pid, const std::function<core::Fd()>& inside) {
  const core::Fd network = core::open_file(fmt::format("/proc/{}/ns/net", pid), O_RDONLY);
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) throw core::system_error(errno, "making a socket pair");
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
    send_message(theirs.get(), "0", made.get());
    ::_exit(0);
  }
  theirs.reset();
  std::optional<PassedMessage> message = receive_message(ours.get());
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!message || !message->fd)
    throw core::system_error(message ? std::atoi(message->bytes.c_str()) : EIO, "entering the container's network (needs root)");
  return std::move(message->fd);
}

class ContainerEngine : public Engine {
 public:
  explicit ContainerEngine(EngineChoice choice) : choice_(std::move(choice)) {
    if (::geteuid() != 0) throw core::Error(core::ErrorKind::denied, "the container engine needs root, to reach into the container's network");
    remove_orphans();
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
      throw core::Error(core::ErrorKind::usage, "a database with a -wal beside it cannot go into a container: checkpoint it first, or use another engine");
    restore_ = restore;
    name_ = fmt::format("k3s-drill-{}", ::getpid());
    std::vector<std::string> argv{"docker", "run", "--rm", "-i", "--name", name_, "--network", "none", "--pull", "never", "--label",
                                  fmt::format("{}={}", kLabel, ::getpid()), "--tmpfs", fmt::format("{}:mode=0700,exec", kRoot), "--tmpfs", "/run",
                                  "--tmpfs", "/tmp:exec", "--entrypoint", "/bin/sh", choice_.path_or_image, "-c", std::string(kScript), "sh", "k3s"};
    for (std::string& argument : server_arguments(restore, std::string(kRoot), Sandbox::kAddress)) argv.push_back(std::move(argument));
    client_.emplace(argv);
    wait_until_running();
    in_network_of(pid_, [] {
      (void)raise_network(Sandbox::kAddress);
      return core::open_file("/dev/null", O_RDONLY);
    });
    return send_database();
  }

  void start() override {}  // the script in the container goes on as soon as it has the whole database

  int output_fd() const override { return client_->output_fd(); }

  std::string read_kubeconfig() override {
    const std::filesystem::path path = fmt::format("/proc/{}/root{}/kubeconfig.yaml", pid_, kRoot);
    std::error_code ignored;
    return std::filesystem::exists(path, ignored) ? core::read_file(path) : std::string();
  }

  core::Fd open_socket() override {
    return in_network_of(pid_, [] { return core::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  }

  std::optional<ExitStatus> exit_status() override {
    const std::optional<int> code = client_->exit_code();
    if (!code) return std::nullopt;
    return ExitStatus{*code, 0};
  }

  std::vector<std::string> stop(std::chrono::milliseconds patience) override {
    if (!client_) return {};
    if (patience.count() > 0) docker({"kill", "--signal", "TERM", name_});
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!client_->exit_code() && std::chrono::steady_clock::now() < deadline) core::pause_for(std::chrono::milliseconds(20));
    docker({"rm", "-f", name_});
    client_.reset();
    const core::CommandResult left = docker({"ps", "-a", "-q", "--filter", "name=^" + name_ + "$"});
    if (left.out.empty()) return {};
    return {"container " + name_};
  }

 private:
  void wait_until_running() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      if (client_->exit_code()) throw core::Error(core::ErrorKind::not_found, "docker run: " + read_output());
      const core::CommandResult result = docker({"inspect", "--format", "{{.State.Pid}}", name_});
      if (result.exit_code == 0 && (pid_ = std::atoi(result.out.c_str())) > 0) return;
      core::pause_for(std::chrono::milliseconds(20));
    }
    throw core::Error(core::ErrorKind::timeout, "the container did not start within 60 s");
  }

  std::string read_output() {
    std::string text(4096, '\0');
    const ssize_t got = ::read(client_->output_fd(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return first_line(text);
  }

  core::CopiedFile send_database() {
    const core::Fd database = core::open_file(restore_.database, O_RDONLY);
    const std::uintmax_t size_bytes = std::filesystem::file_size(restore_.database);
    core::write_all(client_->stdin_fd(), fmt::format("{}\n{}\n", first_line(restore_.token), size_bytes), "the container");
    core::CopiedFile sent;
    core::Sha256 hash;
    std::string block(1U << 16U, '\0');
    while (true) {
      const ssize_t got = ::read(database.get(), block.data(), block.size());
      if (got < 0) throw core::system_error(errno, "reading " + restore_.database.string());
      if (got == 0) break;
      core::throw_if_cancelled();
      const std::string_view bytes(block.data(), static_cast<std::size_t>(got));
      core::write_all(client_->stdin_fd(), bytes, "the container");
      hash.update(bytes);
      sent.size_bytes += bytes.size();
    }
    sent.sha256 = hash.hex_digest();
    return sent;
  }

  EngineChoice choice_;
  RestoreSet restore_;
  std::string name_;
  std::optional<core::Child> client_;
  pid_t pid_ = -1;
};

}  // namespace

EngineChoice find_container(const std::string& pattern, const std::string& version) {
  std::string image = pattern;
  if (const std::size_t at = image.find("%v"); at != std::string::npos) {
    if (version.empty()) throw core::Error(core::ErrorKind::not_found, "the snapshot does not say its k3s version: name an image in engines.container.image");
    std::string tag = version;
    if (const std::size_t plus = tag.find('+'); plus != std::string::npos) tag[plus] = '-';
    image.replace(at, 2, tag);
  }
  const core::CommandResult found = docker({"image", "inspect", "--format", "{{.Id}}", image});
  if (found.exit_code != 0)
    throw core::Error(core::ErrorKind::not_found,
                      found.err.find("No such image") != std::string::npos ? fmt::format("no image {} here: docker pull {}", image, image)
                                                                            : "docker: " + first_line(found.err));
  const core::CommandResult told = docker({"run", "--rm", "--network", "none", "--pull", "never", "--entrypoint", "k3s", image, "--version"});
  constexpr std::string_view prefix = "k3s version ";
  if (told.exit_code != 0 || !told.out.starts_with(prefix))
    throw core::Error(core::ErrorKind::not_found, image + ": its k3s does not answer --version: " + first_line(told.err));
  return {EngineKind::container, told.out.substr(prefix.size(), told.out.find_first_of(" \n", prefix.size()) - prefix.size()), image};
}

std::unique_ptr<Engine> make_container_engine(const EngineChoice& choice) { return std::make_unique<ContainerEngine>(choice); }

}  // namespace drill
