#include "drill/explore/explore.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/foreground.hpp"
#include "core/logging.hpp"
#include "core/scratch_dir.hpp"
#include "drill/engine/container.hpp"
#include "drill/engine/kubeconfig.hpp"
#include "drill/engine/relay.hpp"
#include "drill/explore/shell.hpp"

namespace drill {
namespace {

constexpr std::chrono::seconds kLookInterval{1};

}  // namespace

Exploration::Exploration(const Candidate& candidate, const ExploreOptions& options,
                         const std::function<void(std::string_view)>& on_phase)
    : name_(candidate.name), sandbox_(options.caps) {
  if (candidate.unreadable) throw core::Error(core::ErrorKind::storage, candidate.name + ": " + *candidate.unreadable);
  if (candidate.damage) throw core::Error(core::ErrorKind::damaged, candidate.name + ": " + *candidate.damage);
  remove_orphaned_containers();
  on_phase("fetch");
  const std::filesystem::path scratch = sandbox_.hidden() / "snapshot";
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
  core::write_new_file(kubeconfig, kubeconfig_for(parse_kubeconfig(plane_->engine().read_kubeconfig()), relay.port()));
  // kubectl keeps what a server has told it by its address, and the next one here may have the same.
  Environment environment{
      {"KUBECONFIG", kubeconfig}, {"KUBECACHEDIR", scratch.path() / "cache"}, {"DRILL_SNAPSHOT", name_}};
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
