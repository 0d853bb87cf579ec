#include <memory>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "core/logging.hpp"
#include "store/retention.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

struct Options {
  std::vector<std::string> clusters;
  bool dry_run = false;
};

int prune(const Globals& globals, const Options& options) {
  const Config config = load_config(globals.config_path);
  store::Store store(config.store);
  std::vector<reports::PruneOutcome> outcomes;
  bool all_done = true;
  // Of the store, not of the config: a cluster that is no longer pulled still takes its room.
  for (const std::string& cluster : Names(config, store).stored_clusters(options.clusters, "drill prune {}")) {
    try {
      if (options.dry_run) {
        outcomes.push_back({cluster, store.plan_retention(cluster, config.retention)});
        continue;
      }
      const store::ClusterLock lock = store.lock(cluster);
      outcomes.push_back({cluster, store.apply_retention(cluster, config.retention)});
    } catch (...) {
      const core::Error error = core::caught();
      // One that a pull is changing just now does not keep the others from it.
      if (error.kind() == core::ErrorKind::cancelled) throw;
      core::log_error(cluster + ": " + error.what());
      all_done = false;
    }
  }
  const reports::PruneMode mode = options.dry_run ? reports::PruneMode::dry_run : reports::PruneMode::done;
  print(globals.format == Format::json ? reports::prune_json(outcomes, mode) : reports::prune_text(outcomes, mode));
  return all_done ? 0 : 3;
}

}  // namespace

Action declare_prune(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("CLUSTER", options->clusters, "Which; all in the store when left out");
  app.add_flag("--dry-run", options->dry_run, "Remove nothing, only say what would go and why the rest stays");
  return [options](const Globals& globals) { return prune(globals, *options); };
}

}  // namespace cli
