#include "puller/pull.hpp"

#include <fmt/format.h>
#include <syslog.h>

#include <algorithm>
#include <memory>

#include "cli/command.hpp"
#include "core/log.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

// The tag and words of the script people already watch: journalctl -t k3s-state-snapshot.
constexpr const char* kSyslogTag = "k3s-state-snapshot";

void log_capture(const reports::PullOutcome& outcome, std::size_t cluster_count) {
  const store::Manifest& manifest = outcome.report->snapshot.manifest;
  const store::BundleFile* database = manifest.find(store::kDatabaseFile);
  std::string line = fmt::format("captured {} ({} bytes), retaining {} snapshots", manifest.name, database->size_bytes,
                                 outcome.retained);
  if (cluster_count > 1) line += " of " + outcome.cluster;
  ::openlog(kSyslogTag, 0, LOG_USER);
  ::syslog(LOG_INFO, "%s", line.c_str());
  core::log_info(line);
}

void log_failure(const reports::PullOutcome& outcome) {
  ::openlog(kSyslogTag, 0, LOG_USER);
  ::syslog(LOG_ERR, "%s", fmt::format("capture of {} failed: {}", outcome.cluster, outcome.error).c_str());
}

reports::PullOutcome pull_cluster(const Config& config, store::Store& store, const std::string& cluster) {
  reports::PullOutcome outcome;
  outcome.cluster = cluster;
  try {
    core::show_progress("pulling " + cluster);
    const store::ClusterLock lock = store.lock(cluster);
    outcome.report = puller::pull(config.clusters.at(cluster).target, store);
    try {
      for (const store::RetentionDecision& decision : store.apply_retention(cluster, config.retention))
        if (decision.action == store::Retention::remove)
          core::log_debug(fmt::format("removed {}/{}", cluster, decision.name));
    } catch (const core::Error& error) {
      core::log_warning(fmt::format("{}: retention: {}", cluster, error.what()));
    }
    outcome.retained = store.list(cluster).size();
    log_capture(outcome, config.clusters.size());
  } catch (const core::Error& error) {
    outcome.error = error.what();
    outcome.cancelled = error.kind() == core::ErrorKind::cancelled;
    log_failure(outcome);
  }
  core::clear_progress();
  return outcome;
}

int run_pull(const Globals& globals, const std::vector<std::string>& names) {
  const Config config = load_config(globals.config_path);
  store::Store store(config.store);
  std::vector<reports::PullOutcome> outcomes;
  for (const std::string& cluster : choose_clusters(config, names)) {
    outcomes.push_back(pull_cluster(config, store, cluster));
    if (outcomes.back().cancelled) break;
    if (!outcomes.back().report) core::log_error(fmt::format("{}: {}", cluster, outcomes.back().error));
  }
  print(globals.format == Format::json ? reports::pull_json(outcomes) : reports::pull_text(outcomes, colour()));
  if (outcomes.back().cancelled) return exit_code(core::ErrorKind::cancelled);
  const bool all = std::all_of(outcomes.begin(), outcomes.end(),
                               [](const reports::PullOutcome& outcome) { return outcome.report.has_value(); });
  return all ? 0 : 3;
}

}  // namespace

Action declare_pull(CLI::App& app) {
  auto names = std::make_shared<std::vector<std::string>>();
  app.add_option("CLUSTER", *names, "Which; all configured ones when left out");
  return [names](const Globals& globals) { return run_pull(globals, *names); };
}

}  // namespace cli
