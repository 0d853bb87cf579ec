#include "drill/engine/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "core/error.hpp"
#include "core/process.hpp"
#include "drill/engine/container.hpp"
#include "drill/engine/release.hpp"
#include "drill/sandbox/inside.hpp"

namespace drill {
namespace {

constexpr std::string_view kStandinMark = "+standin";
// What the API server says of itself where its services are IPv6 first, as it wants an address of their family. Nobody
// connects to it, so no interface has it. From the documentation's range.
constexpr std::string_view kNodeIpv6 = "2001:db8::10";

// First line of `k3s --version`: "k3s version v1.36.2+k3s1 (0a1b2c3d)". What it is, is not known yet: it is asked in a
// sandbox.
std::string version_of(const std::string& program) {
  const Answer answer = ask_in_sandbox({program, "--version"}, "k3s");
  constexpr std::string_view prefix = "k3s version ";
  std::string version;
  if (answer.status.code == 0 && answer.status.signal == 0 && answer.said.starts_with(prefix))
    version = answer.said.substr(prefix.size(), answer.said.find_first_of(" \n", prefix.size()) - prefix.size());
  if (!is_k3s_version(version))
    throw core::Error(core::ErrorKind::not_found, program + " does not answer --version as k3s does");
  return version;
}

bool are_services_ipv6_first(const std::vector<std::string>& flags) {
  constexpr std::string_view name = "--service-cidr=";
  return std::any_of(flags.begin(), flags.end(), [&](const std::string& flag) {
    return flag.starts_with(name) && flag.substr(0, flag.find(',')).find(':') != std::string::npos;
  });
}

bool made_by_standin(const std::string& version) { return version.find(kStandinMark) != std::string::npos; }

// A configured k3s may be of any version when k3s is asked for by name; auto takes only the snapshot's own.
std::optional<EngineChoice> find_k3s(const EngineSettings& settings, const std::string& version) {
  if (!settings.k3s_path.empty()) {
    const std::string path = settings.k3s_path.string();
    const std::string found = version_of(path);
    if (made_by_standin(found))
      throw core::Error(core::ErrorKind::usage, path + " is the stand-in, not k3s: give it as the standin engine");
    const bool any_version = settings.kind == EngineKind::k3s && settings.version.empty();
    if (any_version || version.empty() || found == version) return EngineChoice{EngineKind::k3s, found, path};
  }
  const std::string in_path = core::find_program("k3s");
  if (!in_path.empty()) {
    const std::string found = version_of(in_path);
    if (!made_by_standin(found) && (version.empty() || found == version))
      return EngineChoice{EngineKind::k3s, found, in_path};
  }
  if (version.empty() || made_by_standin(version)) return std::nullopt;
  const std::filesystem::path cached = cached_release(settings, version);
  if (!std::filesystem::exists(cached)) {
    if (settings.download == Download::no) return std::nullopt;
    download_release(settings, version);
  }
  const std::string found = version_of(cached.string());
  if (found != version)
    throw core::Error(core::ErrorKind::storage,
                      fmt::format("{} is k3s {}, not {}: remove it", cached.string(), found, version));
  return EngineChoice{EngineKind::k3s, found, cached.string()};
}

EngineChoice find_standin(const EngineSettings& settings) {
  std::filesystem::path path = settings.standin_path;
  if (path.empty()) path = core::find_program("k3s-standin");
  if (path.empty()) {
    std::error_code ignored;
    const auto beside = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "k3s-standin";
    if (std::filesystem::exists(beside)) path = beside;
  }
  if (path.empty())
    throw core::Error(
        core::ErrorKind::not_found,
        "no k3s-standin in PATH or beside drill: build it (scenarios/standin/build.sh) or set engines.standin.path");
  const std::string version = version_of(path.string());
  if (!made_by_standin(version))
    throw core::Error(core::ErrorKind::usage,
                      fmt::format("{} is k3s {}, not the stand-in: give it as the k3s engine", path.string(), version));
  return {EngineKind::standin, version, path.string()};
}

class ProcessEngine : public Engine {
 public:
  ProcessEngine(EngineChoice choice, Sandbox& sandbox) : choice_(std::move(choice)), sandbox_(sandbox) {}

  core::CopiedFile place(const RestoreSet& restore) override {
    arguments_ = server_arguments(restore, std::string(Sandbox::kInsideRoot), Sandbox::kAddress);
    const std::filesystem::path root = sandbox_.root();
    std::filesystem::create_directories(root / "data/server/db");
    for (const char* directory : {"data", "data/server", "data/server/db"})
      std::filesystem::permissions(root / directory, std::filesystem::perms::owner_all);
    core::write_new_file(root / "token", restore.token.content.view());
    core::write_new_file(root / "config.yaml", "");
    return copy_database(restore.database, root / "data/server/db/state.db");
  }

  void start() override {
    std::vector<std::string> argv{choice_.path_or_image};
    argv.insert(argv.end(), arguments_.begin(), arguments_.end());
    output_ = sandbox_.start(argv, "k3s");
  }

  int output_fd() const override { return output_.get(); }

  std::string read_kubeconfig() override {
    return read_inside(sandbox_.root_fd(), "kubeconfig.yaml", kMostKubeconfigBytes).value_or("");
  }

  core::Fd open_socket() override { return sandbox_.open_socket(); }
  core::Fd datastore_socket() const override { return socket_inside(sandbox_.root_fd(), "data/server/kine.sock"); }
  std::optional<ExitStatus> exit_status() override { return sandbox_.exit_status(); }
  std::vector<std::string> stop(std::chrono::milliseconds patience) override { return sandbox_.stop(patience); }

 private:
  EngineChoice choice_;
  Sandbox& sandbox_;
  std::vector<std::string> arguments_;
  core::Fd output_;
};

}  // namespace

std::string_view to_string(EngineKind kind) {
  switch (kind) {
    case EngineKind::k3s:
      return "k3s";
    case EngineKind::container:
      return "container";
    case EngineKind::standin:
      return "standin";
  }
  return "k3s";
}

std::string describe(const ExitStatus& status) {
  if (status.reached) return fmt::format("was stopped at {}", to_string(*status.reached));
  return status.signal != 0 ? fmt::format("was killed by signal {}", status.signal)
                            : fmt::format("ended with exit code {}", status.code);
}

EngineChoice choose_engine(const EngineSettings& settings, const std::string& snapshot_version) {
  const std::string& version = settings.version.empty() ? snapshot_version : settings.version;
  const std::string name = version.empty() ? "k3s (version unknown)" : "k3s " + version;
  if (settings.kind == EngineKind::standin) return find_standin(settings);
  if (settings.kind == EngineKind::container) return find_container(settings.image, version);
  if (settings.kind == EngineKind::k3s || !made_by_standin(version)) {
    if (const auto found = find_k3s(settings, version)) return *found;
    if (settings.kind == EngineKind::k3s)
      throw core::Error(
          core::ErrorKind::not_found,
          fmt::format("no {} here: set engines.k3s.path, put it in PATH, or set engines.k3s.download: true", name));
    try {
      return find_container(settings.image, version);
    } catch (const core::Error& error) {
      throw core::Error(
          core::ErrorKind::not_found,
          fmt::format("no engine for {}: set engines.k3s.path or engines.k3s.download: true, or load its container "
                      "image ({}), or choose another with --engine",
                      name, error.what()));
    }
  }
  return find_standin(settings);
}

core::CopiedFile copy_database(const std::filesystem::path& database, const std::filesystem::path& target) {
  const std::filesystem::path wal = database.string() + "-wal";
  if (std::filesystem::exists(wal)) core::copy_file(wal, target.string() + "-wal");
  return core::copy_file(database, target);
}

std::unique_ptr<Engine> make_engine(const EngineChoice& choice, Sandbox& sandbox) {
  if (choice.kind == EngineKind::container) return make_container_engine(choice, sandbox.caps());
  return std::make_unique<ProcessEngine>(choice, sandbox);
}

// The quietest start: nothing that schedules, deploys, routes or leaves the room.
std::vector<std::string> server_arguments(const RestoreSet& restore, const std::string& root,
                                          std::string_view node_ip) {
  const bool ipv6 = are_services_ipv6_first(restore.server_flags);
  std::vector<std::string> arguments{
      "server",
      "--config=" + root + "/config.yaml",
      "--data-dir=" + root + "/data",
      "--token-file=" + root + "/token",
      "--write-kubeconfig=" + root + "/kubeconfig.yaml",
      "--https-listen-port=" + std::to_string(kApiPort),
      "--node-ip=" + std::string(ipv6 ? kNodeIpv6 : node_ip),
      "--disable-agent",
      "--disable-cloud-controller",
      "--disable-helm-controller",
      "--disable-network-policy",
      "--disable-kube-proxy",
      "--flannel-backend=none",
      "--disable=traefik,servicelb,metrics-server,local-storage,coredns",
      "--egress-selector-mode=disabled",
  };
  // Else k3s would be at ::1, which our sockets do not reach. Source: k3s pkg/daemons/config/types.go, Loopback().
  if (ipv6) arguments.push_back("--bind-address=127.0.0.1");
  if (restore.controllers == Controllers::off)
    arguments.insert(arguments.end(), {"--disable-scheduler", "--disable-controller-manager"});
  arguments.insert(arguments.end(), restore.server_flags.begin(), restore.server_flags.end());
  return arguments;
}

}  // namespace drill
