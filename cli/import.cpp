#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "cli/command.hpp"
#include "cli/series.hpp"
#include "core/as_owner.hpp"
#include "core/edit_distance.hpp"
#include "core/file.hpp"
#include "core/logging.hpp"
#include "core/secret.hpp"
#include "store/incoming.hpp"
#include "store/store.hpp"
#include "verifier/checks/check.hpp"
#include "verifier/checks/file_checks.hpp"
#include "verifier/keys/identity.hpp"
#include "verifier/keys/token.hpp"

namespace cli {
namespace {

constexpr std::string_view kPrefix = "state.db.";
constexpr std::uint64_t kTokenBytes = 64U << 10U;
// A copy is finished after the time it is named for, and a clock may have been set meanwhile.
constexpr std::chrono::minutes kEarliest{-1};
constexpr std::chrono::minutes kLatest{60};

struct Options {
  std::string cluster;
  std::vector<std::filesystem::path> paths;
  std::filesystem::path token_file;
  bool any_mtime = false;
};

[[noreturn]] void refuse(core::ErrorKind kind, std::string reason) { throw core::Error(kind, std::move(reason)); }

core::UtcTime moment_named_by(const std::filesystem::path& path) {
  const std::string name = path.filename();
  const auto timestamp = name.starts_with(kPrefix) ? core::parse_compact(name.substr(kPrefix.size())) : std::nullopt;
  if (!timestamp) refuse(core::ErrorKind::usage, "its name is not state.db.YYYYmmddTHHMMSSZ");
  if (*timestamp > core::utc_now()) refuse(core::ErrorKind::usage, "its name is of a time to come");
  return *timestamp;
}

void check_mtime(const std::filesystem::path& path, core::UtcTime timestamp) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) throw core::system_error(errno, "looking at its time");
  const core::UtcTime written{std::chrono::seconds(facts.st_mtim.tv_sec) +
                              std::chrono::nanoseconds(facts.st_mtim.tv_nsec)};
  if (written - timestamp < kEarliest || written - timestamp > kLatest)
    refuse(core::ErrorKind::usage,
           fmt::format("it was last written at {}, which its name does not say: changed since, or another file? If the "
                       "name is right, give --ignore-mtime",
                       core::format_rfc3339(std::chrono::floor<std::chrono::seconds>(written))));
}

void check_whole(const std::filesystem::path& path) {
  for (const char* beside : {"-wal", "-journal"})
    if (std::filesystem::exists(path.string() + beside))
      refuse(core::ErrorKind::damaged, fmt::format("a {}{} lies beside it: it is not the whole database without that",
                                                   path.filename().string(), beside));
  verifier::Subject subject;
  subject.database = path;
  verifier::Verification facts;
  const core::Check check = verifier::CheckBuilder("file").run(
      [&](verifier::CheckBuilder& builder) { verifier::check_file(subject, facts, builder); });
  if (check.verdict == core::CheckVerdict::pass) return;
  refuse(check.verdict == core::CheckVerdict::fail ? core::ErrorKind::damaged : core::ErrorKind::storage,
         check.findings.empty() ? "it cannot be read" : check.findings.front().message);
}

// The files of a directory that could be meant, by name, so that each day begins with its first.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    const bool part_of_another = name.ends_with("-wal") || name.ends_with("-shm") || name.ends_with("-journal");
    if (name.starts_with(kPrefix) && !part_of_another) files.push_back(entry.path());
  }
  if (files.empty())
    refuse(core::ErrorKind::not_found, path.string() + " holds no file named state.db.YYYYmmddTHHMMSSZ");
  return files;
}

class Importer {
 public:
  Importer(store::Store& store, const Options& options)
      : store_(store), options_(options), lock_(store.lock(options.cluster)) {
    settle_series(store, options.cluster);
    if (options.token_file.empty()) return;
    token_ = verifier::parse_token(core::Secret::taken_from(core::read_file(options.token_file, kTokenBytes)));
    if (token_->content.view().find_first_not_of(" \t\r\n") == std::string_view::npos)
      throw core::Error(core::ErrorKind::usage, options.token_file.string() + ": the token is empty");
  }

  /// Never throws for what is wrong with the file, except cancelled.
  reports::ImportOutcome import(const std::filesystem::path& path) {
    reports::ImportOutcome outcome;
    outcome.path = path;
    try {
      adopt(path, outcome);
    } catch (...) {
      outcome.refusal = core::caught();
      if (outcome.refusal->kind() == core::ErrorKind::cancelled) throw;
    }
    return outcome;
  }

 private:
  void adopt(const std::filesystem::path& path, reports::ImportOutcome& outcome) {
    if (!std::filesystem::exists(path)) refuse(core::ErrorKind::not_found, "no such file");
    if (!std::filesystem::is_regular_file(path)) refuse(core::ErrorKind::usage, "it is not a regular file");
    store::Manifest manifest;
    manifest.taken_at = moment_named_by(path);
    manifest.method = "import";
    if (!options_.any_mtime) check_mtime(path, manifest.taken_at);
    check_whole(path);
    outcome.snapshot = options_.cluster + "/" + core::format_compact(manifest.taken_at);
    if (is_there(path, manifest.taken_at)) {
      outcome.already_there = true;
      return;
    }
    store::Incoming incoming = store_.receive(options_.cluster);
    const core::CopiedFile image = copy_as_owner(path, incoming);
    if (token_) incoming.add(store::kTokenFile, token_->content.view());
    const core::AsOwner as(incoming.root());
    manifest.identity = verifier::read_identity(incoming.image(), token_);
    const store::Snapshot snapshot = incoming.commit(std::move(manifest), image, store::Arrival::imported);
    outcome.of_another_cluster = snapshot.of_another_cluster;
    note_series(store_, snapshot);
  }

  // Read as who we are, written as the store's owner.
  static core::CopiedFile copy_as_owner(const std::filesystem::path& path, const store::Incoming& incoming) {
    const auto make = [&] {
      const core::AsOwner as(incoming.root());
      return core::open_file(incoming.image(), O_WRONLY | O_CREAT | O_EXCL);
    };
    const core::Fd image = make();
    return core::read_blocks(path,
                             [&](std::string_view block) { core::write_all(image.get(), block, incoming.image()); });
  }

  // Throws when another database is stored under that time.
  bool is_there(const std::filesystem::path& path, core::UtcTime timestamp) const {
    const std::string name = core::format_compact(timestamp);
    for (const store::Snapshot& snapshot : store_.list(options_.cluster)) {
      if (snapshot.manifest.name != name) continue;
      const store::BundleFile* stored = snapshot.manifest.find(store::kDatabaseFile);
      if (stored == nullptr || stored->sha256 != core::hash_file(path).sha256)
        refuse(core::ErrorKind::storage,
               fmt::format("{} is already there, and is another database", snapshot.full_name()));
      return true;
    }
    return false;
  }

  store::Store& store_;
  const Options& options_;
  store::ClusterLock lock_;
  std::optional<verifier::Token> token_;
};

int import_files(const Globals& globals, const Options& options) {
  const Config config = load_config(globals.config_path);
  if (!store::valid_cluster_name(options.cluster))
    refuse(
        core::ErrorKind::usage,
        fmt::format("--cluster {}: the name of a cluster has letters, digits, '-', '_' and '.' only", options.cluster));
  store::Store store(config.store);
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::path& path : options.paths)
    for (std::filesystem::path& file : files_of(path)) files.push_back(std::move(file));
  std::stable_sort(files.begin(), files.end(),
                   [](const auto& a, const auto& b) { return a.filename() < b.filename(); });
  if (config.clusters.count(options.cluster) == 0)
    core::log_warning(fmt::format("{} has no cluster '{}': {}importing it all the same", config.path.string(),
                                  options.cluster,
                                  core::nearest(options.cluster, config.cluster_names).empty()
                                      ? ""
                                      : core::did_you_mean(options.cluster, config.cluster_names, "") + " "));
  Importer importer(store, options);
  std::vector<reports::ImportOutcome> outcomes;
  for (const std::filesystem::path& file : files) {
    core::show_progress(fmt::format("importing {} of {}: {}", outcomes.size() + 1, files.size(), file.string()));
    outcomes.push_back(importer.import(file));
  }
  core::clear_progress();
  print(globals.format == Format::json ? reports::import_json(options.cluster, outcomes)
                                       : reports::import_text(outcomes, colour()));
  int code = 0;
  for (const reports::ImportOutcome& outcome : outcomes) {
    if (!outcome.refusal) continue;
    if (outcome.refusal->kind() == core::ErrorKind::damaged) return exit_code(core::ErrorKind::damaged);
    code = std::max(code, exit_code(outcome.refusal->kind()));
  }
  return code;
}

}  // namespace

Action declare_import(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("PATH", options->paths, "Files named state.db.YYYYmmddTHHMMSSZ, or directories of them")->required();
  app.add_option("--cluster", options->cluster, "Whose they are")->required()->type_name("NAME");
  app.add_option("--token-file", options->token_file, "The server's token, to be stored with each of them")
      ->type_name("FILE");
  app.add_flag("--ignore-mtime", options->any_mtime, "Believe the name whatever the file's own time says");
  return [options](const Globals& globals) { return import_files(globals, *options); };
}

}  // namespace cli
