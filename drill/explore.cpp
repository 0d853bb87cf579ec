#include "drill/explore.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/foreground.hpp"
#include "core/log.hpp"
#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "drill/container.hpp"
#include "drill/relay.hpp"
#include "drill/shell.hpp"

namespace drill {
namespace {

constexpr std::chrono::seconds kLookInterval{1};

// The engine's own, led to the relay.
std::string redirected(std::string kubeconfig, const std::string& server, std::uint16_t port) {
  const std::size_t at = kubeconfig.find(server);
  if (server.empty() || at == std::string::npos)
    throw core::Error(core::ErrorKind::damaged, "the kubeconfig names no server");
  return kubeconfig.replace(at, server.size(), fmt::format("https://127.0.0.1:{}", port));
}

// A directory for PATH with k3s's own kubectl in it.
std::filesystem::path make_kubectl(const std::filesystem::path& scratch, const std::string& k3s) {
  const std::filesystem::path directory = scratch / "bin";
  const std::filesystem::path program = directory / "kubectl";
  std::filesystem::create_directory(directory);
  core::write_new_file(program, fmt::format("#!/bin/sh\nexec {} kubectl \"$@\"\n", shell_quoted(k3s)));
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  return directory;
}

}  // namespace

Exploration::Exploration(const Candidate& candidate, const ExploreOptions& options,
                         const std::function<void(std::string_view)>& on_phase)
    : name_(candidate.name), sandbox_(options.caps) {
  if (candidate.unreadable) throw core::Error(core::ErrorKind::storage, candidate.name + ": " + *candidate.unreadable);
  if (candidate.damage) throw core::Error(core::ErrorKind::damaged, candidate.name + ": " + *candidate.damage);
  remove_orphaned_containers();
  on_phase("fetch");
  const std::filesystem::path scratch = sandbox_.root() / "snapshot";
  const Material material = fetch(candidate, scratch);
  on_phase("verify");
  verifier::Subject subject;
  subject.database = material.database;
  subject.token = material.token;
  verification_ = verifier::verify(subject);
  const RestoreSet restore = restore_set(material, *verification_, options.controllers);
  engine_ =
      choose_engine(options.engine, candidate.k3s_version.empty() ? verification_->k3s_version : candidate.k3s_version);
  on_phase("place");
  plane_.emplace(engine_, sandbox_);
  plane_->place(restore);
  core::remove_tree(scratch);
  const BootResult booted = plane_->start(options.ready_timeout, on_phase);
  if (booted.failure)
    throw core::Error(
        booted.failure_verdict == core::CheckVerdict::fail ? core::ErrorKind::damaged : core::ErrorKind::unreachable,
        candidate.name + ": " + booted.failure->message);
}

int Exploration::run(ProgramKind kind, std::vector<std::string> argv) {
  const core::ScratchDir scratch;
  Relay relay([this] { return plane_->engine().open_socket(); }, kApiPort);
  const std::filesystem::path kubeconfig = scratch.path() / "kubeconfig";
  core::write_new_file(kubeconfig, redirected(plane_->engine().read_kubeconfig(), api().server(), relay.port()));
  // kubectl keeps what a server has told it by its address, and the next one here may have the same.
  Environment environment{
      {"KUBECONFIG", kubeconfig}, {"KUBECACHEDIR", scratch.path() / "cache"}, {"DRILL_SNAPSHOT", name_}};
  if (engine_.kind == EngineKind::k3s && core::find_program("kubectl").empty()) {
    const char* given = std::getenv("PATH");
    const std::string path = given != nullptr ? given : "";
    environment["PATH"] = make_kubectl(scratch.path(), engine_.path_or_image).string() + ":" +
                          (path.empty() ? "/usr/local/bin:/usr/bin:/bin" : path);
  }
  if (kind == ProgramKind::shell) prepare_shell(argv, environment, scratch.path());
  core::Foreground program(argv, environment);
  bool alive = true;
  while (!program.exit_code()) {
    relay.pump({program.fd(), alive ? plane_->engine().output_fd() : -1}, kLookInterval);
    const std::optional<std::string> death = alive ? plane_->look() : std::nullopt;
    if (!death) continue;
    core::log_error("the throwaway control plane is gone: " + *death);
    alive = false;
  }
  return *program.exit_code();
}

std::vector<std::string> Exploration::stop() {
  std::vector<std::string> left = plane_->stop();
  plane_.reset();
  for (std::string& more : sandbox_.stop({})) left.push_back(std::move(more));
  return left;
}

}  // namespace drill
