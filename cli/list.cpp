#include <memory>
#include <set>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "cli/store_warnings.hpp"
#include "core/logging.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

int list(const Globals& globals, const std::vector<std::string>& words) {
  const Config config = load_config(globals.config_path);
  const store::Store store(config.store);
  const Names names(config, store);
  std::vector<Named> requested;
  for (const std::string& word : words) requested.push_back(names.either(word));
  if (words.empty())
    for (const std::string& cluster : store.clusters()) requested.push_back({cluster});
  if (requested.empty() && !std::filesystem::exists(config.store)) throw names.no_snapshot();
  std::vector<store::Snapshot> snapshots;
  std::set<std::string> known;  // who names one twice sees it once
  const auto add = [&](store::Snapshot&& one) {
    if (known.insert(one.full_name()).second) snapshots.push_back(std::move(one));
  };
  for (const Named& named : requested) {
    if (!named.snapshot.empty()) {
      add(names.snapshot(named.full()));
      continue;
    }
    std::vector<store::Snapshot> all = store.list(named.cluster);
    if (all.empty() && !words.empty()) throw names.no_snapshot(named.cluster);
    for (const std::string& warning : store_warnings(store, named.cluster, all)) core::log_warning(warning);
    for (store::Snapshot& snapshot : all) add(std::move(snapshot));
  }
  print(globals.format == Format::json ? reports::list_json(snapshots) : reports::list_text(snapshots, page(globals)));
  return 0;
}

}  // namespace

Action declare_list(CLI::App& app) {
  auto words = std::make_shared<std::vector<std::string>>();
  app.add_option("CLUSTER|SNAPSHOT", *words, "Only these; all of the store when left out");
  return [words](const Globals& globals) { return list(globals, *words); };
}

}  // namespace cli
