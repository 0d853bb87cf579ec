#include <memory>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "history/history.hpp"
#include "reports/history.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

int history(const Globals& globals, const std::vector<std::string>& names) {
  const Config config = load_config(globals.config_path);
  const store::Store store(config.store);
  std::vector<reports::ClusterHistory> clusters;
  // Of the store, not of the config: a cluster that is no longer pulled still has its history.
  for (const std::string& cluster : Names(config, store).stored_clusters(names, "drill report history {}")) {
    clusters.push_back({cluster, history::read_history(store.drills(cluster))});
    history::assess(clusters.back().history);
  }
  print(globals.format == Format::json ? reports::history_json(clusters)
                                       : reports::history_text(clusters, page(globals)));
  return 0;
}

}  // namespace

Action declare_report(CLI::App& app) {
  auto clusters = std::make_shared<std::vector<std::string>>();
  CLI::App* of_drills = app.add_subcommand("history", "The drills of each cluster: how long, since when, how sure");
  of_drills->add_option("CLUSTER", *clusters, "Which; all in the store when left out");
  app.require_subcommand(1);
  return [clusters](const Globals& globals) { return history(globals, *clusters); };
}

}  // namespace cli
