#include "verifier/verify.hpp"

#include <memory>

#include "cli/command.hpp"
#include "core/file.hpp"
#include "core/log.hpp"
#include "core/scratch_dir.hpp"
#include "reports/verdict.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

struct Options {
  std::vector<std::string> snapshots;
  std::filesystem::path file;
  std::filesystem::path token_file;
};

// Nothing is verified in place: SQLite may write beside a database, even when it only reads. `copy` makes the copy.
reports::VerifyOutcome verify_copy(verifier::Subject subject, std::string name,
                                   const std::function<void(const std::filesystem::path&)>& copy) {
  reports::VerifyOutcome outcome;
  outcome.name = std::move(name);
  outcome.started_at = core::utc_now();
  const core::ScratchDir scratch;
  subject.database = scratch.path() / store::kDatabaseFile;
  try {
    copy(subject.database);
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged) throw;
    subject.damage = error.what();
  }
  outcome.verification = verifier::verify(
      subject, [&](std::string_view what) { core::show_progress(outcome.name + ": " + std::string(what)); });
  core::clear_progress();
  return outcome;
}

reports::VerifyOutcome verify_file(const Options& options) {
  verifier::Subject subject;
  if (!options.token_file.empty()) subject.token = core::read_file(options.token_file);
  return verify_copy(std::move(subject), options.file.string(), [&](const std::filesystem::path& copy) {
    core::copy_file(options.file, copy);
    const std::filesystem::path wal = options.file.string() + "-wal";
    if (std::filesystem::exists(wal)) core::copy_file(wal, copy.string() + "-wal");
  });
}

reports::VerifyOutcome verify_snapshot(store::Store& store, const store::Snapshot& snapshot) {
  verifier::Subject subject;
  if (snapshot.manifest.find(store::kTokenFile) != nullptr)
    subject.token = core::read_file(snapshot.file(store::kTokenFile));
  if (const store::BundleFile* database = snapshot.manifest.find(store::kDatabaseFile))
    subject.captured_sha256 = database->sha256;
  reports::VerifyOutcome outcome =
      verify_copy(std::move(subject), snapshot.full_name(),
                  [&](const std::filesystem::path& copy) { store.extract(snapshot, copy); });
  outcome.taken_at = snapshot.manifest.taken_at;
  store.keep_evidence(snapshot, store::Evidence::verify, reports::verify_json(outcome));
  return outcome;
}

std::vector<std::string> latest_of_all(const store::Store& store) {
  std::vector<std::string> names;
  for (const std::string& cluster : store.clusters())
    if (!store.list(cluster).empty()) names.push_back(cluster + "/latest");
  if (names.empty())
    throw core::Error(core::ErrorKind::not_found, "the store has no snapshot yet: run drill pull first");
  return names;
}

std::vector<reports::VerifyOutcome> verify_stored(const Globals& globals, const Options& options) {
  store::Store store(load_config(globals.config_path).store);
  std::vector<store::Snapshot> snapshots;
  for (const std::string& name : options.snapshots.empty() ? latest_of_all(store) : options.snapshots)
    snapshots.push_back(store.find(name));
  std::vector<reports::VerifyOutcome> outcomes;
  for (const store::Snapshot& snapshot : snapshots) outcomes.push_back(verify_snapshot(store, snapshot));
  return outcomes;
}

int run_verify(const Globals& globals, const Options& options) {
  if (!options.file.empty() && !options.snapshots.empty())
    throw core::Error(core::ErrorKind::usage, "give either --file or snapshots, not both");
  if (options.file.empty() && !options.token_file.empty())
    throw core::Error(core::ErrorKind::usage, "--token-file belongs to --file; a stored snapshot has its own token");
  const std::vector<reports::VerifyOutcome> outcomes =
      options.file.empty() ? verify_stored(globals, options) : std::vector{verify_file(options)};
  reports::Verdict verdict = reports::Verdict::pass;
  std::string text;
  for (const reports::VerifyOutcome& outcome : outcomes) {
    verdict = reports::worse(verdict, reports::verdict_of(outcome.verification));
    text += reports::verify_text(outcome, colour());
  }
  if (globals.format == Format::json)
    text = outcomes.size() == 1 ? reports::verify_json(outcomes.front()) : reports::verify_list_json(outcomes);
  print(text);
  return reports::exit_code(verdict);
}

}  // namespace

Action declare_verify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SNAPSHOT", options->snapshots, "Which; the latest of each cluster when left out");
  app.add_option("--file", options->file,
                 "A plain state.db instead (a -wal beside it counts); needs no store and no config");
  app.add_option("--token-file", options->token_file, "The server's token, with --file");
  return [options](const Globals& globals) { return run_verify(globals, *options); };
}

}  // namespace cli
