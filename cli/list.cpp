#include <memory>

#include "cli/command.hpp"
#include "store/store.hpp"

namespace cli {

Action declare_list(CLI::App& app) {
  auto cluster = std::make_shared<std::string>();
  app.add_option("CLUSTER", *cluster, "Only this one's");
  return [cluster](const Globals& globals) {
    const store::Store store(load_config(globals.config_path).store);
    std::vector<store::Snapshot> snapshots;
    for (const std::string& name : cluster->empty() ? store.clusters() : std::vector<std::string>{*cluster})
      for (store::Snapshot& snapshot : store.list(name)) snapshots.push_back(std::move(snapshot));
    if (snapshots.empty() && !cluster->empty())
      throw core::Error(core::ErrorKind::not_found, "no snapshot of " + *cluster + ": run drill pull first");
    print(globals.format == Format::json ? reports::list_json(snapshots) : reports::list_text(snapshots));
    return 0;
  };
}

}  // namespace cli
