#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "cli/stored_copy.hpp"
#include "cli/worker_pool.hpp"
#include "core/logging.hpp"
#include "core/shell_quote.hpp"
#include "reports/changes.hpp"
#include "store/store.hpp"
#include "verifier/changes/difference.hpp"
#include "verifier/changes/life.hpp"

namespace cli {
namespace {

struct Options {
  std::string object;
  std::string cluster;
};

std::string choose_cluster(const Config& config, const store::Store& store, const std::string& requested) {
  const Names names(config, store);
  if (!requested.empty()) return names.stored_clusters({requested}, "--cluster {}").front();
  const std::vector<std::string> clusters = store.clusters();
  if (clusters.empty()) throw names.no_snapshot();
  if (clusters.size() > 1)
    throw core::Error(core::ErrorKind::usage, fmt::format("the store has {} clusters: say --cluster with one of {}",
                                                          clusters.size(), fmt::join(clusters, ", ")));
  return clusters.front();
}

class Searcher {
 public:
  Searcher(store::Store& store, std::string cluster, verifier::ObjectName name)
      : store_(store), cluster_(std::move(cluster)), name_(std::move(name)), snapshots_(store.list(cluster_)) {
    if (snapshots_.empty())
      throw core::Error(core::ErrorKind::not_found, "no snapshot of " + cluster_ + ": run drill pull first");
    sightings_.resize(snapshots_.size());
    passed_over_.resize(snapshots_.size());
  }

  reports::LogOutcome find(const std::string& asked) {
    const core::Stopwatch watch;
    const std::size_t total = snapshots_.size();
    const auto work = [&](const Run& run, const std::function<void()>& done) {
      for (std::size_t i = run.begin; i < run.end; ++i) {
        look_into(i);
        done();
      }
    };
    const auto progress = [&](std::size_t done) {
      core::show_progress(fmt::format("{}: {} of {} snapshots read{}", cluster_, done, total,
                                      time_left(done, total, core::to_seconds(watch.elapsed()))));
    };
    progress(0);
    work_through(split_in_runs(total, default_workers()), default_workers(), work, progress);
    core::clear_progress();
    return sum_up(asked);
  }

 private:
  // Each worker writes only to the places of its own snapshots.
  void look_into(std::size_t index) {
    const store::Snapshot& snapshot = snapshots_[index];
    if (snapshot.of_another_cluster) {
      passed_over_[index] = "it is of another cluster than the series";
      return;
    }
    if (snapshot.unreadable) {
      passed_over_[index] = std::string("it cannot be read: ") + snapshot.unreadable->what();
      return;
    }
    if (snapshot.lost) {
      passed_over_[index] = "lost: " + *snapshot.lost;
      return;
    }
    try {
      const StoredCopy copy = copy_stored(store_, snapshot);
      sightings_[index] = {snapshot.manifest.name, verifier::read_rows_of(copy.database(), name_)};
    } catch (const core::Error& error) {
      if (error.kind() != core::ErrorKind::damaged) throw;
      passed_over_[index] = error.what();
    }
  }

  reports::LogOutcome sum_up(const std::string& asked) {
    reports::LogOutcome outcome;
    outcome.cluster = cluster_;
    std::vector<verifier::Sighting> sightings;
    std::size_t newest = 0;
    for (std::size_t i = 0; i < snapshots_.size(); ++i) {
      if (passed_over_[i].empty()) {
        sightings.push_back(std::move(sightings_[i]));
        newest = i;
      } else {
        outcome.passed_over.push_back({snapshots_[i].full_name(), passed_over_[i]});
      }
    }
    const bool unreadable = std::any_of(snapshots_.begin(), snapshots_.end(),
                                        [](const store::Snapshot& one) { return one.unreadable.has_value(); });
    if (sightings.empty())
      throw core::Error(unreadable ? core::ErrorKind::storage : core::ErrorKind::damaged,
                        fmt::format("no snapshot of {} can be read; {}: {}", cluster_,
                                    outcome.passed_over.front().snapshot, outcome.passed_over.front().reason));
    std::vector<verifier::Life> lives = verifier::merge_lives(sightings);
    if (lives.empty()) not_found(asked, sightings.size(), outcome.passed_over.size(), snapshots_[newest]);
    if (lives.size() > 1) ambiguous(asked, lives);
    outcome.life = std::move(lives.front());
    return outcome;
  }

  [[noreturn]] void not_found(const std::string& asked, std::size_t read, std::size_t passed_over,
                              const store::Snapshot& newest) {
    const StoredCopy copy = copy_stored(store_, newest);
    const std::vector<std::string> near = verifier::near_names(copy.database(), name_);
    throw core::Error(core::ErrorKind::not_found,
                      fmt::format("no {} in any of {} of {}{}{}", asked, reports::counted(read, "snapshot"), cluster_,
                                  passed_over > 0 ? fmt::format(" ({} more could not be read)", passed_over) : "",
                                  near.empty() ? without_namespace(asked)
                                               : fmt::format("; the newest has {}", fmt::join(near, ", "))));
  }

  // What is in a namespace, and asked for without it, is found nowhere.
  static std::string without_namespace(const std::string& asked) {
    const std::size_t slash = asked.find('/');
    if (slash == 0 || asked.find('/', slash + 1) != std::string::npos) return {};
    return fmt::format("; if it is in a namespace: {}/NAMESPACE/{}", asked.substr(0, slash), asked.substr(slash + 1));
  }

  [[noreturn]] static void ambiguous(const std::string& asked, const std::vector<verifier::Life>& lives) {
    std::vector<std::string> paths;
    for (const verifier::Life& life : lives)
      paths.push_back(verifier::object_path(life.resource, life.namespace_name, life.name));
    throw core::Error(core::ErrorKind::usage,
                      fmt::format("{} may be any of {}: say which", asked, fmt::join(paths, ", ")));
  }

  store::Store& store_;
  std::string cluster_;
  verifier::ObjectName name_;
  std::vector<store::Snapshot> snapshots_;
  std::vector<verifier::Sighting> sightings_;  // of each snapshot
  std::vector<std::string> passed_over_;       // why it was; empty: it was not
};

// The newest snapshot that has the object and did not fail; when all have, the newest.
std::string newest_sound(const std::vector<store::Snapshot>& snapshots, const verifier::Stay& stay) {
  const auto failed = [](const std::optional<store::Proof>& proof) { return proof && proof->verdict == "fail"; };
  for (auto one = snapshots.rbegin(); one != snapshots.rend(); ++one) {
    const std::string& name = one->manifest.name;
    const bool has_it = name >= stay.first && name <= stay.last && !one->of_another_cluster && !one->lost;
    if (has_it && !failed(one->verified) && !failed(one->drilled)) return name;
  }
  return stay.last;
}

// A namespace, and what is in one, as files that can be applied again; of the rest, which an export holds only as far
// as a namespace needs it, the object alone.
std::vector<std::string> get_back(const Globals& globals, const verifier::Life& life, const std::string& cluster,
                                  const std::string& snapshot) {
  std::vector<std::string> words{"drill"};
  if (!globals.config_path.empty())
    words.insert(words.end(), {"--config", core::shell_word(globals.config_path.string())});
  words.insert(words.end(), {"explore", cluster + "/" + snapshot});
  const bool is_namespace = life.resource == "namespaces";
  const std::string& space = is_namespace ? life.name : life.namespace_name;
  if (space.empty() || verifier::is_noise(life.resource)) {
    words.insert(words.end(), {"--", "kubectl", "get", life.resource, core::shell_word(life.name)});
    if (!space.empty()) words.insert(words.end(), {"-n", core::shell_word(space)});
    words.insert(words.end(), {"-o", "yaml"});
    return words;
  }
  words.insert(words.end(),
               {"--export", core::shell_word(space + "-" + snapshot), "--namespace", core::shell_word(space)});
  if (!is_namespace) words.insert(words.end(), {"--kind", life.resource});
  return words;
}

int log(const Globals& globals, const Options& options) {
  verifier::ObjectName name = verifier::parse_object_name(options.object);
  const Config config = load_config(globals.config_path);
  store::Store store(config.store);
  reports::LogOutcome outcome =
      Searcher(store, choose_cluster(config, store, options.cluster), std::move(name)).find(options.object);
  if (outcome.life.vanished())
    outcome.get_back = get_back(globals, outcome.life, outcome.cluster,
                                newest_sound(store.list(outcome.cluster), outcome.life.stays.back()));
  print(globals.format == Format::json ? reports::log_json(outcome) : reports::log_text(outcome, page(globals)));
  return 0;
}

}  // namespace

Action declare_log(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("OBJECT", options->object,
                 "RESOURCE/NAMESPACE/NAME (secrets/shop/db, deployments.apps/shop/web), RESOURCE/NAME "
                 "(namespaces/shop), or the key (/registry/...)")
      ->required();
  app.add_option("--cluster", options->cluster, "Whose snapshots; may be left out when the store has one cluster")
      ->type_name("CLUSTER");
  app.footer(
      "Looks into every stored snapshot of the cluster: in which the object is there, with which uid, where it "
      "vanished, and how to get it back. Damaged snapshots are named and passed over. The exit code is 0 when the "
      "object was found in any of them, 1 when none can be read, 2 for wrong usage, 3 when it is in none.");
  return [options](const Globals& globals) { return log(globals, *options); };
}

}  // namespace cli
