#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/command.hpp"
#include "cli/series.hpp"
#include "cli/snapshot_names.hpp"
#include "cli/stored_candidate.hpp"
#include "cli/stored_copy.hpp"
#include "core/atomic_file.hpp"
#include "core/logging.hpp"
#include "drill/drill.hpp"
#include "drill/engine/release.hpp"
#include "drill/verdict.hpp"
#include "history/note_drill.hpp"
#include "reports/history.hpp"
#include "store/store.hpp"
#include "verifier/verdict.hpp"

namespace cli {
namespace {

struct Options {
  std::vector<std::string> names;  // clusters and snapshots
  std::string snapshot;
  std::string engine = "auto";
  std::filesystem::path report;
  std::filesystem::path file;
  std::filesystem::path token_file;
  std::vector<std::string> k3s_versions;
  bool deep = false;
  std::string control = "nightly";
  bool controllers = false;
  std::string settle;
  std::string alive_for;
};

class Runner {
 public:
  Runner(const Globals& globals, const Options& options) : globals_(globals), options_(options) {}

  int run() {
    check_options();
    if (options_.file.empty()) {
      run_stored();
    } else {
      run_file();
    }
    if (globals_.format == Format::json) print(several_ ? reports::run_list_json(documents_) : documents_.front());
    return core::exit_code(verdict_);
  }

 private:
  void check_options() const {
    const auto usage = [](const char* message) { throw core::Error(core::ErrorKind::usage, message); };
    for (const std::string& version : options_.k3s_versions)
      if (!drill::is_k3s_version(version))
        throw core::Error(core::ErrorKind::usage,
                          fmt::format("'{}' is no k3s version: give them as v1.35.6+k3s1,v1.36.2+k3s1", version));
    if (!options_.k3s_versions.empty() && options_.engine == "standin")
      usage("--k3s is for engines k3s and container; the stand-in has one version");
    if (options_.k3s_versions.size() > 1 && !options_.report.empty())
      usage("--report takes one file: name one version with it");
    if (options_.report.has_parent_path() && !std::filesystem::is_directory(options_.report.parent_path()))
      throw core::Error(core::ErrorKind::usage,
                        fmt::format("--report {}: there is no directory {}: make it, or name another",
                                    options_.report.string(), options_.report.parent_path().string()));
    if (!options_.settle.empty() && !options_.controllers) usage("--settle belongs to --controllers");
    if (!options_.file.empty() && (!options_.names.empty() || !options_.snapshot.empty()))
      usage("give either --file or clusters and snapshots, not both");
    if (!options_.file.empty() && options_.token_file.empty())
      usage("--file needs --token-file: k3s opens a database only with the token of its server");
    if (options_.file.empty() && !options_.token_file.empty())
      usage("--token-file belongs to --file; a stored snapshot has its own token");
    if (!options_.snapshot.empty() && !options_.names.empty())
      usage("--snapshot already says what is drilled: give it, or clusters and snapshots, not both");
    drill::DrillOptions readable;
    apply_options(readable);
  }

  void run_file() {
    drill::DrillOptions settings;
    if (!globals_.config_path.empty()) settings = load_config(globals_.config_path).drill;
    drill_versions("", {candidate_of(options_.file, options_.token_file)}, settings, nullptr, {});
  }

  void run_stored() {
    const Config config = load_config(globals_.config_path);
    store::Store store(config.store);
    const std::vector<Named> requested = what_to_drill(config, store);
    if (requested.size() > 1 && !options_.report.empty())
      throw core::Error(core::ErrorKind::usage, "--report takes one file: name one cluster with it");
    several_ = requested.size() > 1;
    for (const auto& [cluster, only] : requested) {
      try {
        run_cluster(config, store, cluster, only);
      } catch (...) {
        const core::Error error = core::caught();
        // One of several that cannot be drilled does not keep the others from it.
        if (!several_ || error.kind() == core::ErrorKind::cancelled) throw;
        core::log_error(fmt::format("{}: {}", cluster, error.what()));
        documents_.push_back(reports::not_run_json(cluster, error));
        verdict_ = core::worse(verdict_, core::Verdict::inconclusive);
      }
    }
  }

  // Of a cluster the newest that verifies is drilled, of a snapshot that one.
  std::vector<Named> what_to_drill(const Config& config, const store::Store& store) const {
    const Names names(config, store);
    std::vector<Named> requested;
    const auto add_snapshot = [&](const std::string& word) {
      const store::Snapshot snapshot = names.snapshot(word);
      requested.push_back({snapshot.manifest.cluster, snapshot.full_name()});
    };
    if (!options_.snapshot.empty()) {
      add_snapshot(options_.snapshot);
      return requested;
    }
    for (const std::string& word : options_.names) {
      const Named named = names.either(word);
      named.snapshot.empty() ? requested.push_back(named) : add_snapshot(word);
    }
    if (options_.names.empty())
      for (std::string& cluster : names.configured_clusters({}, "")) requested.push_back({std::move(cluster)});
    return requested;
  }

  // `only` names the snapshot that was asked for; empty: the newest that verifies.
  void run_cluster(const Config& config, store::Store& store, const std::string& cluster, const std::string& only) {
    const std::vector<store::Snapshot> snapshots = store.list(cluster);
    const Names names(config, store);
    if (snapshots.empty()) throw names.no_snapshot(cluster);
    drill::DrillOptions settings = config.drill;
    if (const auto found = config.clusters.find(cluster); found != config.clusters.end()) {
      settings.objectives = found->second.objectives;
      settings.stale_after = found->second.stale_after;
    }
    settings.only = only;
    const auto asked = std::find_if(snapshots.begin(), snapshots.end(),
                                    [&](const store::Snapshot& one) { return one.full_name() == only; });
    std::vector<drill::Candidate> candidates;
    for (auto snapshot = snapshots.rbegin(); snapshot != snapshots.rend(); ++snapshot) {
      // What is of another cluster is no candidate; but when that is what the node gives now, the night has failed.
      const bool belongs = asked != snapshots.end() ? store::are_of_one_cluster(*snapshot, *asked)
                                                    : !snapshot->of_another_cluster || snapshot == snapshots.rbegin();
      if (!belongs) continue;
      candidates.push_back(candidate_of(store, *snapshot));
      if (snapshot->of_another_cluster && only.empty()) candidates.back().damage = another_cluster(store, *snapshot);
    }
    drill_versions(cluster, candidates, settings, &store, snapshots);
  }

  // Once with the snapshot's own k3s; or once with each of the versions that are asked for, which says whether the
  // snapshot would come back there, and is no proof of the snapshot itself.
  void drill_versions(const std::string& cluster, const std::vector<drill::Candidate>& candidates,
                      drill::DrillOptions settings, store::Store* store,
                      const std::vector<store::Snapshot>& snapshots) {
    if (options_.k3s_versions.empty()) {
      const drill::DrillReport report = drill_one(candidates, settings);
      return is_of_own_version(report) ? finish(cluster, report, store, snapshots)
                                       : finish(cluster, report, nullptr, {});
    }
    several_ = several_ || options_.k3s_versions.size() > 1;
    for (const std::string& version : options_.k3s_versions) {
      settings.engine.version = version;
      finish(cluster, drill_one(candidates, settings), nullptr, {});
    }
  }

  // Whether it was the snapshot's own k3s, as far as that is known; else it proves nothing of the snapshot.
  static bool is_of_own_version(const drill::DrillReport& report) {
    if (!report.engine || report.k3s_version.empty() || report.engine->version == report.k3s_version) return true;
    core::log_warning(
        fmt::format("{} was taken from k3s {} and drilled with {}: this is no proof of it, and none is kept",
                    report.snapshot, report.k3s_version, report.engine->version));
    return false;
  }

  // What the command line says over what the config does.
  void apply_options(drill::DrillOptions& settings) const {
    if (options_.engine != "auto") settings.engine.kind = engine_kind(options_.engine);
    if (options_.deep) settings.depth = drill::Depth::deep;
    if (options_.control == "nightly") settings.control = drill::fault_of_night(core::utc_now());
    if (const auto fault = drill::fault_named(options_.control)) settings.control = fault;
    if (options_.controllers) settings.controllers = drill::Controllers::on;
    const auto take = [](std::string_view option, const std::string& text, std::chrono::milliseconds& duration) {
      if (text.empty()) return;
      core::in_context(option, [&] { duration = parse_duration<std::chrono::milliseconds>(text, kWatch); });
    };
    take("--settle", options_.settle, settings.settle);
    take("--alive-for", options_.alive_for, settings.alive_for);
  }

  drill::DrillReport drill_one(const std::vector<drill::Candidate>& candidates, drill::DrillOptions settings) const {
    apply_options(settings);
    drill::DrillReport report = drill::run(candidates, settings, [](std::string_view what) {
      core::log_debug(fmt::format("phase {}", what));
      core::show_progress(fmt::format("drill: {}", what));
    });
    core::clear_progress();
    return report;
  }

  // The report goes to the file asked for, and for a stored snapshot always beside it as the proof of that night.
  void finish(const std::string& cluster, const drill::DrillReport& report, store::Store* store,
              const std::vector<store::Snapshot>& snapshots) {
    std::string json = reports::run_json(cluster, report);
    std::optional<history::DrillHistory> history;
    if (store != nullptr) history = history::note_drill(*store, cluster, report);
    if (history) json = reports::with_history(json, *history);
    documents_.push_back(json);
    verdict_ = core::worse(verdict_, verdict_of(report));
    std::string where;
    for (const store::Snapshot& snapshot : snapshots) {
      if (snapshot.full_name() != report.snapshot) continue;
      keep_or_warn(report.snapshot, [&] {
        if (store->keep_evidence(snapshot, store::Evidence::run, json))
          where = snapshot.file("run.json").string();
        else
          where = "not kept: the verdict of an earlier drill of this snapshot stays (--report FILE writes this one)";
      });
    }
    if (!options_.report.empty() && write_report(json)) where = options_.report.string();
    if (globals_.format == Format::json) return;
    print(reports::run_text(report, page(globals_)));
    if (history) print(reports::history_lines(*history, page(globals_)));
    if (!where.empty()) print(reports::wrapped("  report       ", where, 15, page(globals_).columns));
  }

  // It was asked for, so this is no success; but what the drill found is said all the same.
  bool write_report(const std::string& json) {
    try {
      core::write_file_atomically(options_.report, json);
      return true;
    } catch (const core::Error& error) {
      core::log_error(fmt::format("the report of this drill cannot be written: {}", error.what()));
      verdict_ = core::worse(verdict_, core::Verdict::inconclusive);
      return false;
    }
  }

  const Globals& globals_;
  const Options& options_;
  core::Verdict verdict_ = core::Verdict::pass;
  std::vector<std::string> documents_;
  bool several_ = false;  // clusters asked for: then the JSON is a list, however many could be drilled
};

}  // namespace

Action declare_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("CLUSTER|SNAPSHOT", options->names,
                 "Which; of a cluster, the newest snapshot that verifies. All configured clusters when left out");
  app.add_option("--snapshot", options->snapshot, "The same as SNAPSHOT")->type_name("SNAPSHOT");
  add_engine_option(app, options->engine);
  app.add_option("--k3s", options->k3s_versions,
                 "These k3s versions instead of the snapshot's own: would it come back after an upgrade?")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("VERSION,...");
  app.add_flag("--deep", options->deep, "Compare the bytes of every value as well, not only uid and resourceVersion");
  std::vector<std::string> controls{"nightly", "none"};
  for (const drill::Fault fault : drill::kFaults) controls.emplace_back(drill::to_string(fault));
  app.add_option("--control", options->control,
                 fmt::format("Damage of the twin that has to fail: {} (default: nightly, another one each night)",
                             fmt::join(controls, ", ")))
      ->check(one_of(controls))
      ->type_name("FAULT");
  app.add_flag("--controllers", options->controllers,
               "Let the restored cluster's controllers and scheduler run, and say what they change");
  app.add_option("--settle", options->settle, "How long they have for that (default: 30s)")->type_name("DURATION");
  app.add_option("--alive-for", options->alive_for,
                 "How long the restored control plane is watched after it was ready; 0s: not (default: 10s)")
      ->type_name("DURATION");
  app.add_option("--report", options->report, "Write the JSON report to this file as well")->type_name("FILE");
  app.add_option("--file", options->file, "A plain state.db instead; needs no store and no config")->type_name("FILE");
  app.add_option("--token-file", options->token_file, "The server's token, with --file")->type_name("FILE");
  return [options](const Globals& globals) { return Runner(globals, *options).run(); };
}

}  // namespace cli
