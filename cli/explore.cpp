#include "drill/explore/explore.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "cli/stored_candidate.hpp"
#include "core/clock.hpp"
#include "core/logging.hpp"
#include "core/process.hpp"
#include "drill/explore/export.hpp"
#include "drill/explore/shell.hpp"
#include "reports/export.hpp"

namespace cli {
namespace {

// As a shell has it.
constexpr int kCannotRun = 126;
constexpr int kNoSuchProgram = 127;
constexpr const char* kNoKubectl =
    "there is no kubectl in PATH, and none is taken from the engine; install kubectl here";

struct Options {
  std::string snapshot;
  std::filesystem::path file;
  std::filesystem::path token_file;
  std::string engine = "auto";
  bool controllers = false;
  drill::ExportOptions exported;
};

class Explorer {
 public:
  Explorer(const Globals& globals, const Options& options)
      : globals_(globals), options_(options), command_(globals.program) {}

  int run() {
    check_options();
    if (!command_.empty() && !can_be_found(command_.front())) {
      core::log_error(command_.front() == "kubectl" ? kNoKubectl : command_.front() + ": no such program");
      return kNoSuchProgram;
    }
    if (!options_.file.empty()) {
      drill::DrillOptions settings;
      if (!globals_.config_path.empty()) settings = load_config(globals_.config_path).drill;
      return explore(candidate_of(options_.file, options_.token_file), settings);
    }
    const Config config = load_config(globals_.config_path);
    store::Store store(config.store);
    return explore(candidate_of(store, Names(config, store).snapshot(options_.snapshot)), config.drill);
  }

 private:
  void check_options() const {
    const auto usage = [](const char* message) { throw core::Error(core::ErrorKind::usage, message); };
    const bool exporting = !options_.exported.directory.empty();
    if (options_.file.empty() && options_.snapshot.empty()) usage("name a SNAPSHOT, or give --file and --token-file");
    if (!options_.file.empty() && !options_.snapshot.empty())
      usage("give either a SNAPSHOT or --file; a command comes behind --, as in: -- kubectl get nodes");
    if (!options_.file.empty() && options_.token_file.empty())
      usage("--file needs --token-file: k3s opens a database only with the token of its server");
    if (options_.file.empty() && !options_.token_file.empty())
      usage("--token-file belongs to --file; a stored snapshot has its own token");
    if (exporting && !command_.empty()) usage("give either --export or a command, not both");
    if (exporting && options_.controllers)
      usage("--export writes what the snapshot holds, and --controllers would change that");
    if (!exporting && (!options_.exported.namespaces.empty() || !options_.exported.kinds.empty()))
      usage("--namespace and --kind belong to --export");
    if (!exporting && globals_.format == Format::json)
      usage("--json belongs to --export: stdout is the shell's, or the command's");
    if (exporting) drill::check_target(options_.exported.directory);
  }

  static bool can_be_found(const std::string& program) {
    return program.find('/') != std::string::npos || !core::find_program(program).empty();
  }

  int explore(const drill::Candidate& candidate, const drill::DrillOptions& settings) const {
    drill::ExploreOptions options{settings.engine, settings.ready_timeout, settings.caps, drill::Controllers::off};
    if (options_.engine != "auto") options.engine.kind = engine_kind(options_.engine);
    if (options_.controllers) options.controllers = drill::Controllers::on;
    const core::Stopwatch watch;
    drill::Exploration exploration(candidate, options, [](std::string_view what) {
      core::log_debug(fmt::format("phase {}", what));
      core::show_progress(fmt::format("explore: {}", what));
    });
    core::clear_progress();
    core::log_debug(fmt::format("ready after {}", core::format_duration(watch.elapsed())));
    warn_of_damage(exploration.snapshot());
    const int code = options_.exported.directory.empty() ? run_program(exploration, candidate.name, watch.elapsed())
                                                         : write_export(exploration, candidate.name);
    core::show_progress("explore: end");
    const std::vector<std::string> remains = exploration.stop();
    core::clear_progress();
    for (const std::string& left : remains) core::log_warning("left behind: " + left);
    return code;
  }

  // It came up nevertheless; what is seen in it may not be all there was.
  static void warn_of_damage(const verifier::Verification& snapshot) {
    for (const core::Check& check : snapshot.checks)
      for (const core::Finding& finding : check.findings)
        if (check.verdict == core::CheckVerdict::fail && finding.severity == core::Severity::error)
          core::log_warning(fmt::format("the snapshot is damaged: check {}: {}", check.name, finding.message));
  }

  // A user of cron's has one that only says that nobody may log in.
  static std::string shell_of_user() {
    const char* given = std::getenv("SHELL");
    const std::string name = given == nullptr ? "" : std::filesystem::path(given).filename().string();
    return name.empty() || name == "nologin" || name == "false" ? "/bin/sh" : given;
  }

  int run_program(drill::Exploration& exploration, const std::string& name, std::chrono::nanoseconds took) const {
    try {
      if (!command_.empty()) return exploration.run(drill::ProgramKind::command, command_);
      const std::string shell = shell_of_user();
      core::log_info(fmt::format(
          "this shell is in a copy of {}, a throwaway control plane ({} {}) restored in {}: kubectl sees that", name,
          drill::to_string(exploration.engine().kind), exploration.engine().version, core::format_duration(took)));
      if (drill::is_known_shell(shell))
        core::log_info("nothing here reaches the real cluster, and all of it is gone when you leave (exit, or Ctrl-D)");
      else
        core::log_warning(
            fmt::format("drill does not know the start files of {}: if they set KUBECONFIG, kubectl goes where that "
                        "says; all that is done in the snapshot is gone when you leave",
                        std::filesystem::path(shell).filename().string()));
      if (!can_be_found("kubectl")) core::log_warning(kNoKubectl);
      exploration.run(drill::ProgramKind::shell, {shell});
      core::log_info(fmt::format("you have left the copy of {}: what was done in it is gone", name));
      return 0;  // what was typed last in a shell says nothing about the snapshot
    } catch (const core::Error& error) {
      if (error.kind() != core::ErrorKind::not_found && error.kind() != core::ErrorKind::denied) throw;
      core::log_error(error.what());
      return error.kind() == core::ErrorKind::not_found ? kNoSuchProgram : kCannotRun;
    }
  }

  int write_export(drill::Exploration& exploration, const std::string& name) const {
    core::show_progress("explore: export");
    const drill::ExportReport report =
        drill::export_objects(exploration.api(), exploration.snapshot(), options_.exported, exploration.may_retry());
    core::clear_progress();
    if (report.written.count("secrets") != 0)
      core::log_warning(fmt::format("the secrets are in {} as anybody can read them who gets at the files",
                                    report.directory.string()));
    print(globals_.format == Format::json ? reports::export_json(name, report) : reports::export_text(name, report));
    return 0;
  }

  const Globals& globals_;
  const Options& options_;
  const std::vector<std::string>& command_;
};

// "out/" and "out" are one directory.
std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

Action declare_explore(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SNAPSHOT", options->snapshot,
                 "Which; of a cluster, its latest. Behind -- a command, in place of a shell");
  app.add_option("--file", options->file, "A plain state.db instead; needs no store and no config")->type_name("FILE");
  app.add_option("--token-file", options->token_file, "The server's token, with --file")->type_name("FILE");
  add_engine_option(app, options->engine);
  app.add_flag("--controllers", options->controllers, "Let the restored cluster's controllers and scheduler run");
  app.add_option_function<std::string>(
         "--export",
         [options](const std::string& directory) { options->exported.directory = without_slash(directory); },
         "Write what it holds to this new directory, as YAML that can be applied again")
      ->type_name("DIR");
  app.add_option("--namespace", options->exported.namespaces, "With --export: only this one; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAMESPACE");
  app.add_option("--kind", options->exported.kinds, "With --export: only this kind; may be repeated")
      ->allow_extra_args(false)
      ->type_name("KIND");
  return [options](const Globals& globals) { return Explorer(globals, *options).run(); };
}

}  // namespace cli
