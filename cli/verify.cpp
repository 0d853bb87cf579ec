#include "verifier/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "cli/stored_copy.hpp"
#include "cli/worker_pool.hpp"
#include "core/file.hpp"
#include "core/logging.hpp"
#include "core/scratch_dir.hpp"
#include "core/secret.hpp"
#include "drill/verdict.hpp"
#include "store/store.hpp"
#include "verifier/keys/token.hpp"
#include "verifier/verdict.hpp"

namespace cli {
namespace {

struct Options {
  std::vector<std::string> snapshots;  // with --all: clusters
  std::filesystem::path file;
  std::filesystem::path token_file;
  std::filesystem::path previous;
  bool all = false;
  std::size_t jobs = 0;  // 0: one per core
};

verifier::Progress shown_for(const std::string& name) {
  return [name](std::string_view what) { core::show_progress(name + ": " + std::string(what)); };
}

reports::VerifyOutcome verify_file(const Options& options) {
  reports::VerifyOutcome outcome;
  outcome.name = options.file.string();
  outcome.started_at = core::utc_now();
  verifier::Subject subject;
  if (!options.token_file.empty())
    subject.token = verifier::parse_token(core::Secret::taken_from(core::read_file(options.token_file)));
  const core::ScratchDir scratch;
  subject.database = copy_plain(options.file, scratch);
  const core::ScratchDir older;
  if (!options.previous.empty())
    subject.previous = verifier::Previous{options.previous.string(), copy_plain(options.previous, older), std::nullopt};
  outcome.verification = verifier::verify(subject, shown_for(outcome.name));
  core::clear_progress();
  return outcome;
}

std::vector<std::string> latest_of_all(const store::Store& store, const Names& names) {
  std::vector<std::string> latest;
  for (const std::string& cluster : store.clusters())
    if (!store.list(cluster).empty()) latest.push_back(cluster + "/latest");
  if (latest.empty()) throw names.no_snapshot();
  return latest;
}

std::vector<reports::VerifyOutcome> verify_stored(const Globals& globals, const Options& options) {
  const Config config = load_config(globals.config_path);
  store::Store store(config.store);
  const Names names(config, store);
  std::vector<store::Snapshot> requested;
  for (const std::string& name : options.snapshots.empty() ? latest_of_all(store, names) : options.snapshots)
    requested.push_back(names.snapshot(name));
  std::vector<reports::VerifyOutcome> outcomes;
  for (const store::Snapshot& snapshot : requested) {
    const std::vector<store::Snapshot> all = store.list(snapshot.manifest.cluster);
    const auto at = std::find_if(all.begin(), all.end(), [&](const store::Snapshot& one) {
      return one.manifest.name == snapshot.manifest.name;
    });
    if (at == all.end())
      throw core::Error(core::ErrorKind::not_found, snapshot.full_name() + " has been removed meanwhile");
    StoredVerifier verifier(store, all);
    outcomes.push_back(verifier.verify(static_cast<std::size_t>(at - all.begin()), shown_for(snapshot.full_name())));
    core::clear_progress();
  }
  return outcomes;
}

// What is said at the end; the objects would fill the memory.
verifier::Verification without_objects(verifier::Verification&& whole) {
  verifier::Verification rest;
  rest.size_bytes = whole.size_bytes;
  rest.revision = whole.revision;
  rest.checks = std::move(whole.checks);
  rest.coverage = whole.coverage;
  rest.duration = whole.duration;
  return rest;
}

// One of many that could not be looked at, for the list.
reports::VerifyOutcome not_looked_at(const store::Snapshot& snapshot, const core::Error& error) {
  reports::VerifyOutcome outcome;
  outcome.name = snapshot.full_name();
  outcome.started_at = core::utc_now();
  outcome.verification.checks.push_back(
      {"file", core::CheckVerdict::could_not_run, {{core::Severity::warning, error.what(), {}, {}}}, {}});
  return outcome;
}

class AllVerifier {
 public:
  AllVerifier(store::Store& store, std::size_t workers) : store_(store) { result_.workers = workers; }

  void verify_cluster(const std::string& cluster) {
    const std::vector<store::Snapshot> snapshots = store_.list(cluster);
    std::vector<reports::VerifyOutcome> outcomes(snapshots.size());
    const core::Stopwatch watch;
    failed_ = 0;
    const auto work = [&](const Run& run, const std::function<void()>& done) {
      StoredVerifier verifier(store_, snapshots);
      for (std::size_t i = run.begin; i < run.end; ++i) {
        outcomes[i] = verify_one(verifier, snapshots[i], i);
        done();
      }
    };
    const auto progress = [&](std::size_t done) {
      core::show_progress(fmt::format("{}: {} of {} verified, {} failed{}", cluster, done, snapshots.size(), failed(),
                                      time_left(done, snapshots.size(), core::to_seconds(watch.elapsed()))));
    };
    progress(0);
    work_through(split_in_runs(snapshots.size(), result_.workers), result_.workers, work, progress);
    core::clear_progress();
    std::copy_if(std::move_iterator(outcomes.begin()), std::move_iterator(outcomes.end()),
                 std::back_inserter(result_.outcomes), [](const auto& outcome) { return !outcome.name.empty(); });
  }

  reports::VerifyAllOutcome finish() {
    result_.duration = watch_.elapsed();
    return std::move(result_);
  }

 private:
  // Without a name when it has been removed since it was listed, as a pull beside this may do: then it is no part of
  // the store.
  reports::VerifyOutcome verify_one(StoredVerifier& verifier, const store::Snapshot& snapshot, std::size_t index) {
    reports::VerifyOutcome outcome;
    try {
      outcome = verifier.verify(index);
      outcome.verification = without_objects(std::move(outcome.verification));
    } catch (const SnapshotRemoved& removed) {
      core::log_info(removed.what());
      return {};
    } catch (...) {
      const core::Error error = core::caught();
      if (error.kind() == core::ErrorKind::cancelled) throw;
      outcome = not_looked_at(snapshot, error);
    }
    if (verdict_of(outcome.verification) == core::Verdict::fail) {
      const std::lock_guard lock(mutex_);
      ++failed_;
    }
    return outcome;
  }

  std::size_t failed() {
    const std::lock_guard lock(mutex_);
    return failed_;
  }

  store::Store& store_;
  reports::VerifyAllOutcome result_;
  core::Stopwatch watch_;
  std::mutex mutex_;  // guards what follows
  std::size_t failed_ = 0;
};

int verify_all(const Globals& globals, const Options& options) {
  const Config config = load_config(globals.config_path);
  store::Store store(config.store);
  const Names names(config, store);
  AllVerifier verifier(store, options.jobs == 0 ? default_workers() : options.jobs);
  for (const std::string& cluster : names.stored_clusters(options.snapshots, "drill verify --all {}"))
    verifier.verify_cluster(cluster);
  const reports::VerifyAllOutcome outcome = verifier.finish();
  if (outcome.outcomes.empty()) throw names.no_snapshot();
  print(globals.format == Format::json ? reports::verify_all_json(outcome)
                                       : reports::verify_all_text(outcome, page(globals)));
  core::Verdict verdict = core::Verdict::pass;
  for (const reports::VerifyOutcome& one : outcome.outcomes)
    verdict = core::worse(verdict, verdict_of(one.verification));
  return core::exit_code(verdict);
}

void check_options(const Options& options) {
  const auto usage = [](const char* message) { throw core::Error(core::ErrorKind::usage, message); };
  if (!options.file.empty() && (!options.snapshots.empty() || options.all))
    usage("give either --file or snapshots, not both");
  if (options.file.empty() && !options.token_file.empty())
    usage("--token-file belongs to --file; a stored snapshot has its own token");
  if (options.file.empty() && !options.previous.empty())
    usage("--previous belongs to --file; a stored snapshot is compared with the one before it");
  if (options.jobs != 0 && !options.all) usage("--jobs belongs to --all");
}

int run_verify(const Globals& globals, const Options& options) {
  check_options(options);
  if (options.all) return verify_all(globals, options);
  const std::vector<reports::VerifyOutcome> outcomes =
      options.file.empty() ? verify_stored(globals, options) : std::vector{verify_file(options)};
  core::Verdict verdict = core::Verdict::pass;
  std::string text;
  for (const reports::VerifyOutcome& outcome : outcomes) {
    verdict = core::worse(verdict, verdict_of(outcome.verification));
    text += reports::verify_text(outcome, page(globals));
  }
  if (globals.format == Format::json)
    text = outcomes.size() == 1 ? reports::verify_json(outcomes.front()) : reports::verify_list_json(outcomes);
  print(text);
  return core::exit_code(verdict);
}

}  // namespace

Action declare_verify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SNAPSHOT", options->snapshots,
                 "Which; of a cluster, its latest; the latest of each when left out. With --all: which clusters");
  app.add_flag("--all", options->all, "Every snapshot of every cluster, or of the clusters named, on all cores");
  app.add_option("-j,--jobs", options->jobs, "With --all: how many at a time (default: one per core)")
      ->check(whole_number(1, 64))
      ->type_name("NUMBER");
  app.add_option("--file", options->file,
                 "A plain state.db instead (a -wal beside it counts); needs no store and no config")
      ->type_name("FILE");
  app.add_option("--token-file", options->token_file, "The server's token, with --file")->type_name("FILE");
  app.add_option("--previous", options->previous, "An older state.db of the same cluster to compare with, with --file")
      ->type_name("FILE");
  return [options](const Globals& globals) { return run_verify(globals, *options); };
}

}  // namespace cli
