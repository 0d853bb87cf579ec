#include "drill/explore.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <map>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/foreground.hpp"
#include "core/log.hpp"
#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "drill/container.hpp"
#include "drill/kubeconfig.hpp"
#include "drill/relay.hpp"

namespace drill {
namespace {

constexpr std::chrono::seconds kLookInterval{1};

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
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

using Environment = std::map<std::string, std::string>;

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : std::string();
}

// `first`, where there is such a file, and then `environment`. Double quotes, as ENV is expanded by those who read it.
std::string start_file(const std::string& first, const Environment& environment) {
  std::string text = fmt::format("[ -f \"{0}\" ] && . \"{0}\"\n", first);
  for (const auto& [name, value] : environment)
    if (name != "PATH") text += fmt::format("export {}={}\n", name, shell_quoted(value));
  return text;
}

// Has the shell read files of ours, which read those of the user and then set `environment` again: one that sets
// KUBECONFIG as it starts would be in the real cluster. Source: bash(1), zsh(1), dash(1), on what is read when.
void set_after_start_files(std::vector<std::string>& argv, Environment& environment,
                           const std::filesystem::path& scratch) {
  const std::string name = std::filesystem::path(argv.front()).filename();
  const Environment ours = environment;
  if (name == "bash") {
    core::write_new_file(scratch / "bashrc", start_file("$HOME/.bashrc", ours));
    argv.insert(argv.end(), {"--rcfile", scratch / "bashrc"});
  } else if (name == "zsh") {
    core::write_new_file(scratch / ".zshenv",
                         fmt::format("ZDOTDIR={}\n: ${{ZDOTDIR:=$HOME}}\n{}drill_zdotdir=$ZDOTDIR\nZDOTDIR={}\n",
                                     shell_quoted(from_environment("ZDOTDIR")), start_file("$ZDOTDIR/.zshenv", ours),
                                     shell_quoted(scratch)));
    core::write_new_file(scratch / ".zshrc",
                         "ZDOTDIR=$drill_zdotdir\nunset drill_zdotdir\n" + start_file("$ZDOTDIR/.zshrc", ours));
    environment["ZDOTDIR"] = scratch;
  } else if (is_known_shell(name)) {
    core::write_new_file(scratch / "shrc", start_file(from_environment("ENV"), ours));
    environment["ENV"] = scratch / "shrc";
  }
}

}  // namespace

bool is_known_shell(const std::string& shell) {
  const std::string name = std::filesystem::path(shell).filename();
  return name == "bash" || name == "zsh" || name == "sh" || name == "dash" || name == "ash";
}

Exploration::Exploration(const Candidate& candidate, const ExploreOptions& options,
                         const std::function<void(std::string_view)>& on_phase)
    : name_(candidate.name), sandbox_(options.caps) {
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
  if (engine_.kind == EngineKind::k3s && core::find_program("kubectl").empty()) {
    const std::string path = from_environment("PATH");
    environment["PATH"] = make_kubectl(scratch.path(), engine_.path_or_image).string() + ":" +
                          (path.empty() ? "/usr/local/bin:/usr/bin:/bin" : path);
  }
  if (kind == ProgramKind::shell) set_after_start_files(argv, environment, scratch.path());
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
