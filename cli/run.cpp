#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/command.hpp"
#include "core/atomic_file.hpp"
#include "core/log.hpp"
#include "drill/drill.hpp"
#include "reports/verdict.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

struct Options {
  std::vector<std::string> clusters;
  std::string snapshot;
  std::string engine = "auto";
  std::filesystem::path report;
  std::filesystem::path file;
  std::filesystem::path token_file;
};

std::optional<drill::EngineKind> engine_kind(const std::string& name) {
  for (const drill::EngineKind kind :
       {drill::EngineKind::k3s, drill::EngineKind::container, drill::EngineKind::standin})
    if (name == drill::to_string(kind)) return kind;
  return std::nullopt;
}

drill::Candidate candidate_of(store::Store& store, const store::Snapshot& snapshot) {
  drill::Candidate candidate;
  candidate.name = snapshot.full_name();
  if (snapshot.lost) {
    candidate.damage = "lost: " + *snapshot.lost;
    return candidate;
  }
  candidate.unpack = [&store, snapshot](const std::filesystem::path& target) {
    return store.extract(snapshot, target);
  };
  candidate.taken_at = snapshot.manifest.taken_at;
  candidate.k3s_version = snapshot.manifest.k3s_version;
  if (const store::BundleFile* database = snapshot.manifest.find(store::kDatabaseFile))
    candidate.captured_sha256 = database->sha256;
  if (snapshot.manifest.find(store::kTokenFile) != nullptr) candidate.token = snapshot.file(store::kTokenFile);
  for (const store::BundleFile& file : snapshot.manifest.bundle)
    if (file.path.starts_with(store::kConfigFile)) candidate.configs.push_back(snapshot.file(file.path));
  std::sort(candidate.configs.begin(), candidate.configs.end());
  return candidate;
}

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
    return reports::exit_code(verdict_);
  }

 private:
  void check_options() const {
    const auto usage = [](const char* message) { throw core::Error(core::ErrorKind::usage, message); };
    if (!options_.file.empty() && (!options_.clusters.empty() || !options_.snapshot.empty()))
      usage("give either --file or clusters and snapshots, not both");
    if (!options_.file.empty() && options_.token_file.empty())
      usage("--file needs --token-file: k3s opens a database only with the token of its server");
    if (options_.file.empty() && !options_.token_file.empty())
      usage("--token-file belongs to --file; a stored snapshot has its own token");
    if (!options_.snapshot.empty() && !options_.clusters.empty()) usage("--snapshot already names the cluster");
  }

  void run_file() {
    drill::Candidate candidate;
    candidate.name = options_.file.string();
    candidate.database = options_.file;
    candidate.token = options_.token_file;
    drill::DrillOptions settings;
    if (!globals_.config_path.empty()) settings = load_config(globals_.config_path).drill;
    const drill::DrillReport report = drill_one({candidate}, settings);
    finish("", report, nullptr, {});
  }

  void run_stored() {
    const Config config = load_config(globals_.config_path);
    store::Store store(config.store);
    if (!options_.snapshot.empty()) {
      const store::Snapshot snapshot = store.find(options_.snapshot);
      run_cluster(config, store, snapshot.manifest.cluster, {snapshot});
      return;
    }
    const std::vector<std::string> clusters = choose_clusters(config, options_.clusters);
    if (clusters.size() > 1 && !options_.report.empty())
      throw core::Error(core::ErrorKind::usage, "--report takes one file: name one cluster with it");
    several_ = clusters.size() > 1;
    for (const std::string& cluster : clusters) {
      try {
        run_newest(config, store, cluster);
      } catch (const core::Error& error) {
        // One of several that cannot be drilled does not keep the others from it.
        if (!several_ || error.kind() == core::ErrorKind::cancelled) throw;
        core::log_error(fmt::format("{}: {}", cluster, error.what()));
        verdict_ = reports::worse(verdict_, reports::Verdict::inconclusive);
      }
    }
  }

  void run_newest(const Config& config, store::Store& store, const std::string& cluster) {
    const std::vector<store::Snapshot> snapshots = store.list(cluster);
    if (snapshots.empty())
      throw core::Error(core::ErrorKind::not_found,
                        fmt::format("no snapshot of {} to drill: run drill pull {} first", cluster, cluster));
    run_cluster(config, store, cluster, {snapshots.rbegin(), snapshots.rend()});
  }

  void run_cluster(const Config& config, store::Store& store, const std::string& cluster,
                   const std::vector<store::Snapshot>& snapshots) {
    drill::DrillOptions settings = config.drill;
    if (const auto found = config.clusters.find(cluster); found != config.clusters.end())
      settings.objectives = found->second.objectives;
    std::vector<drill::Candidate> candidates;
    for (const store::Snapshot& snapshot : snapshots) candidates.push_back(candidate_of(store, snapshot));
    const drill::DrillReport report = drill_one(candidates, settings);
    finish(cluster, report, &store, snapshots);
  }

  drill::DrillReport drill_one(const std::vector<drill::Candidate>& candidates, drill::DrillOptions settings) const {
    if (options_.engine != "auto") settings.engine.kind = engine_kind(options_.engine);
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
    const std::string json = reports::run_json(cluster, report);
    documents_.push_back(json);
    verdict_ = reports::worse(verdict_, reports::verdict_of(report));
    std::filesystem::path where = options_.report;
    for (const store::Snapshot& snapshot : snapshots) {
      if (snapshot.full_name() != report.snapshot) continue;
      store->keep_evidence(snapshot, store::Evidence::run, json);
      if (where.empty()) where = snapshot.file("run.json");
    }
    if (!options_.report.empty()) core::write_file_atomically(options_.report, json);
    if (globals_.format == Format::json) return;
    print(reports::run_text(report, page(globals_)));
    if (!where.empty()) print("  report       " + where.string() + "\n");
  }

  const Globals& globals_;
  const Options& options_;
  reports::Verdict verdict_ = reports::Verdict::pass;
  std::vector<std::string> documents_;
  bool several_ = false;  // clusters asked for: then the JSON is a list, however many could be drilled
};

}  // namespace

Action declare_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("CLUSTER", options->clusters, "Which; all configured ones when left out");
  app.add_option("--snapshot", options->snapshot, "This snapshot instead of the newest that verifies");
  app.add_option("--engine", options->engine,
                 "Control plane to restore into (default: auto, the k3s of the snapshot's own version)")
      ->check(CLI::IsMember({"auto", "k3s", "container", "standin"}));
  app.add_option("--report", options->report, "Write the JSON report to this file as well");
  app.add_option("--file", options->file, "A plain state.db instead; needs no store and no config");
  app.add_option("--token-file", options->token_file, "The server's token, with --file");
  return [options](const Globals& globals) { return Runner(globals, *options).run(); };
}

}  // namespace cli
