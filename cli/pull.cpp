#include "puller/pull.hpp"

#include <fmt/format.h>
#include <syslog.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <thread>

#include "cli/command.hpp"
#include "cli/series.hpp"
#include "cli/snapshot_names.hpp"
#include "cli/store_warnings.hpp"
#include "core/cancel.hpp"
#include "core/logging.hpp"
#include "core/printable.hpp"
#include "core/secret.hpp"
#include "drill/verdict.hpp"
#include "store/retention.hpp"
#include "store/store.hpp"
#include "verifier/keys/identity.hpp"
#include "verifier/verdict.hpp"

namespace cli {
namespace {

// The tag and words of the script people already watch: journalctl -t k3s-state-snapshot.
constexpr std::chrono::minutes kClocksAgree{10};
constexpr const char* kSyslogTag = "k3s-state-snapshot";

void tell_syslog(int priority, std::string_view line) { ::syslog(priority, "%s", core::printable(line).c_str()); }

void log_capture(const reports::PullOutcome& outcome, std::size_t cluster_count) {
  const store::Manifest& manifest = outcome.report->snapshot.manifest;
  const store::BundleFile* database = manifest.find(store::kDatabaseFile);
  std::string line = fmt::format("captured {} ({} bytes), retaining {} snapshots", manifest.name, database->size_bytes,
                                 outcome.retained);
  if (cluster_count > 1) line += " of " + outcome.cluster;
  tell_syslog(LOG_INFO, line);
  core::log_info(line);
  if (const std::string& why = outcome.report->node.fallback; !why.empty())
    core::log_lasting_warning(fmt::format("{}: {}", outcome.cluster, puller::fallback_warning(why)));
  if (outcome.another_cluster.empty()) return;
  const std::string problem = outcome.report->snapshot.full_name() + ": " + outcome.another_cluster;
  tell_syslog(LOG_ERR, problem);
  core::log_error(problem);
}

void log_failure(const reports::PullOutcome& outcome) {
  if (outcome.error_kind != core::ErrorKind::cancelled)
    core::log_error(fmt::format("{}: {}", outcome.cluster, outcome.error));
  tell_syslog(LOG_ERR, fmt::format("capture of {} failed: {}", outcome.cluster, outcome.error));
}

// The snapshot is kept; but a disk that nothing is removed from is full one night.
void log_retention_error(const reports::PullOutcome& outcome) {
  const std::string problem = fmt::format("{}: the snapshot is kept, and older ones could not be removed: {}",
                                          outcome.cluster, outcome.retention_error);
  tell_syslog(LOG_ERR, problem);
  core::log_error(problem);
}

// What goes by age goes by the earlier of two clocks: one that is ahead would make all look older than it is.
core::UtcTime believed_now(const store::RetentionRules& rules, const puller::PullReport& report) {
  const core::UtcTime now = core::utc_now();
  const std::chrono::nanoseconds offset = report.node.clock_offset;
  if (std::chrono::abs(offset) > kClocksAgree)
    core::log_lasting_warning(fmt::format(
        "{}: this machine's clock and the node's are {} apart; the snapshot is dated by this machine's{}. Set both by "
        "NTP",
        report.snapshot.full_name(), core::format_duration(std::chrono::abs(offset)),
        rules.for_duration ? ", and keep_for goes by the earlier one" : ""));
  // Only back: what a node says of the far future must not even be added.
  return now + std::chrono::duration_cast<core::UtcTime::duration>(std::min(offset, std::chrono::nanoseconds(0)));
}

// A node that has lost its database hears how it gets it back.
puller::Target target_of(const Config& config, const store::Store& store, const std::string& cluster) {
  puller::Target target = config.clusters.at(cluster).target;
  const std::vector<store::Snapshot> snapshots = store.list(cluster);
  const auto belongs = [](const store::Snapshot& one) { return !one.of_another_cluster; };
  const auto whole = [&](const store::Snapshot& one) { return belongs(one) && !one.lost; };
  const auto newest = std::find_if(snapshots.rbegin(), snapshots.rend(), whole);
  if (newest == snapshots.rend()) return target;
  const bool is_latest = std::find_if(snapshots.rbegin(), snapshots.rend(), belongs) == newest;
  target.restore_command =
      fmt::format("drill restore {} --to {}", is_latest ? cluster + "/latest" : newest->full_name(), cluster);
  return target;
}

core::ClusterIdentity identity_of(const std::filesystem::path& database, core::Secret token) {
  return verifier::read_identity(database, verifier::parse_token(std::move(token)));
}

reports::PullOutcome pull_cluster(const Config& config, store::Store& store, const std::string& cluster) {
  reports::PullOutcome outcome;
  outcome.cluster = cluster;
  const core::ProgressName name(cluster);
  const auto failed = [&](core::ErrorKind kind, const char* message) {
    outcome.error = message;
    outcome.error_kind = kind;
    log_failure(outcome);
  };
  try {
    core::throw_if_cancelled();
    core::show_progress("pulling");
    const store::ClusterLock lock = store.lock(cluster);
    settle_series(store, cluster);
    outcome.report = puller::pull(target_of(config, store, cluster), store, identity_of);
    note_series(store, outcome.report->snapshot);
    if (outcome.report->snapshot.of_another_cluster)
      outcome.another_cluster = another_cluster(store, outcome.report->snapshot);
    try {
      for (const store::RetentionDecision& decision :
           store.apply_retention(cluster, config.retention, outcome.report->snapshot.manifest.name,
                                 believed_now(config.retention, *outcome.report)))
        if (decision.action == store::Retention::remove)
          core::log_debug(fmt::format("removed {}/{}", cluster, decision.name));
    } catch (...) {
      outcome.retention_error = core::caught().what();
      log_retention_error(outcome);
    }
    const std::vector<store::Snapshot> kept = store.list(cluster);
    outcome.retained = kept.size();
    log_capture(outcome, config.clusters.size());
    for (const std::string& warning : store_warnings(store, cluster, kept)) core::log_lasting_warning(warning);
  } catch (...) {  // must not end the other pulls
    const core::Error error = core::caught();
    failed(error.kind(), error.what());
  }
  return outcome;
}

// Side by side, at most `at_most` at once, started in this order. One that fails never stops the others.
std::vector<reports::PullOutcome> pull_all(const Config& config, store::Store& store,
                                           const std::vector<std::string>& clusters) {
  std::vector<reports::PullOutcome> outcomes(clusters.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < clusters.size(); i = next++)
      outcomes[i] = pull_cluster(config, store, clusters[i]);
  };
  std::vector<std::jthread> workers;
  for (std::size_t i = 1; i < std::min(config.parallel_pulls, clusters.size()); ++i) workers.emplace_back(work);
  work();
  workers.clear();
  return outcomes;
}

// The line a person finds in the mail of cron.
void log_summary(const std::vector<reports::PullOutcome>& outcomes, std::chrono::nanoseconds duration) {
  std::string failed;
  std::size_t pulled = 0;
  for (const reports::PullOutcome& outcome : outcomes) {
    if (outcome.report) ++pulled;
    if (const std::string why = outcome.error_kind                 ? std::string(to_string(*outcome.error_kind))
                                : !outcome.another_cluster.empty() ? "another cluster"
                                : !outcome.retention_error.empty() ? "retention"
                                                                   : "";
        !why.empty())
      failed += fmt::format("{}{} ({})", failed.empty() ? "; failed: " : ", ", outcome.cluster, why);
  }
  const std::string line =
      fmt::format("pulled {} of {} clusters in {}{}", pulled, outcomes.size(), core::format_duration(duration), failed);
  failed.empty() ? core::log_info(line) : core::log_error(line);
}

int run_pull(const Globals& globals, const std::vector<std::string>& names) {
  const Config config = load_config(globals.config_path);
  store::Store store(config.store);
  ::openlog(kSyslogTag, 0, LOG_USER);
  const core::Stopwatch watch;
  const std::vector<reports::PullOutcome> outcomes =
      pull_all(config, store, Names(config, store).configured_clusters(names, "drill pull {}"));
  print(globals.format == Format::json ? reports::pull_json(outcomes) : reports::pull_text(outcomes, colour()));
  if (outcomes.size() > 1) log_summary(outcomes, watch.elapsed());
  const auto any = [&](auto&& matches) { return std::any_of(outcomes.begin(), outcomes.end(), matches); };
  if (any([](const reports::PullOutcome& one) { return one.error_kind == core::ErrorKind::cancelled; }))
    return exit_code(core::ErrorKind::cancelled);
  core::Verdict verdict = core::Verdict::pass;
  for (const reports::PullOutcome& one : outcomes) verdict = core::worse(verdict, verdict_of(one));
  return core::exit_code(verdict);
}

}  // namespace

Action declare_pull(CLI::App& app) {
  auto names = std::make_shared<std::vector<std::string>>();
  app.add_option("CLUSTER", *names, "Which; all configured ones when left out");
  return [names](const Globals& globals) { return run_pull(globals, *names); };
}

}  // namespace cli
