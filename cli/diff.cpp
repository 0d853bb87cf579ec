#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "cli/stored_copy.hpp"
#include "core/logging.hpp"
#include "reports/changes.hpp"
#include "store/order.hpp"
#include "store/store.hpp"
#include "verifier/changes/difference.hpp"

namespace cli {
namespace {

struct Options {
  std::vector<std::string> snapshots;
  std::vector<std::filesystem::path> files;
  verifier::DifferenceFilter filter;
  bool events = false;
  bool file_first = false;  // of one snapshot and one file
};

// One of the two: a stored snapshot, or a plain file.
struct Side {
  std::optional<store::Snapshot> snapshot;
  std::filesystem::path file;
  std::optional<core::UtcTime> taken_at;

  std::string name() const { return snapshot ? snapshot->full_name() : file.string(); }
};

verifier::Inventory read_side(const std::filesystem::path& root, const Side& side) {
  core::show_progress("reading " + side.name());
  verifier::Inventory inventory = core::in_context("reading " + side.name(), [&] {
    if (!side.snapshot) {
      const core::ScratchDir scratch;
      return verifier::read_inventory(copy_plain(side.file, scratch));
    }
    store::Store store(root);
    const StoredCopy copy = copy_stored(store, *side.snapshot);
    return verifier::read_inventory(copy.database());
  });
  core::clear_progress();
  return inventory;
}

reports::DiffSide described(const Side& side, const verifier::Inventory& inventory) {
  return {side.name(), side.snapshot ? side.snapshot->manifest.cluster : std::string(), side.taken_at, &inventory};
}

void warn_of_oddities(const Side& before, const Side& after) {
  if (before.name() == after.name()) core::log_warning("both are " + before.name());
  if (before.snapshot && after.snapshot && before.snapshot->manifest.cluster != after.snapshot->manifest.cluster)
    core::log_warning(fmt::format("{} and {} are of different clusters", before.name(), after.name()));
  if (before.snapshot && after.snapshot && store::is_before(*after.snapshot, *before.snapshot))
    core::log_warning(
        fmt::format("{} is older than {}: what was made in between shows as deleted", after.name(), before.name()));
}

// A filter that fits nothing at all is a slip of the pen more often than an answer.
void warn_of_empty_filter(const verifier::DifferenceFilter& filter, const verifier::Inventory& before,
                          const verifier::Inventory& after) {
  const auto anywhere = [&](const verifier::DifferenceFilter& one) {
    const auto requested = [&](const verifier::Object& object) { return one.wants(object); };
    return std::any_of(before.objects.begin(), before.objects.end(), requested) ||
           std::any_of(after.objects.begin(), after.objects.end(), requested);
  };
  for (const std::string& name : filter.namespaces)
    if (!anywhere({{name}, {}})) core::log_warning("neither has anything in a namespace " + name);
  for (const std::string& resource : filter.resources)
    if (!anywhere({{}, {resource}})) core::log_warning("neither has any " + resource);
}

std::vector<Side> sides(const Globals& globals, const Options& options, std::filesystem::path& root) {
  if (options.snapshots.size() + options.files.size() != 2)
    throw core::Error(
        core::ErrorKind::usage,
        "diff takes two: drill diff A B, drill diff A --file B, or drill diff --file A --file B; drill list "
        "shows the snapshots");
  std::vector<Side> result;
  if (!options.snapshots.empty()) {
    const Config config = load_config(globals.config_path);
    root = config.store;
    const store::Store store(root);
    for (const std::string& name : options.snapshots) {
      const store::Snapshot snapshot = Names(config, store).snapshot(name);
      result.push_back({snapshot, {}, snapshot.manifest.taken_at});
    }
  }
  for (const std::filesystem::path& file : options.files) result.push_back({{}, file, {}});
  if (options.file_first && !options.snapshots.empty()) std::reverse(result.begin(), result.end());
  return result;
}

int diff(const Globals& globals, const Options& options) {
  std::filesystem::path root;
  const std::vector<Side> both = sides(globals, options, root);
  const Side& a = both.front();
  const Side& b = both.back();
  warn_of_oddities(a, b);
  auto older = std::async(std::launch::async | std::launch::deferred, [&] { return read_side(root, a); });
  const verifier::Inventory after = read_side(root, b);
  const verifier::Inventory before = older.get();
  warn_of_empty_filter(options.filter, before, after);
  reports::DiffOutcome outcome{described(a, before), described(b, after),
                               verifier::compare(before, after, options.filter), reports::DiffOutcome::Noise::counted};
  const bool asked = std::any_of(options.filter.resources.begin(), options.filter.resources.end(),
                                 [](const std::string& resource) { return verifier::is_noise(resource); });
  if (options.events || asked) outcome.noise = reports::DiffOutcome::Noise::listed;
  print(globals.format == Format::json ? reports::diff_json(outcome) : reports::diff_text(outcome, page(globals)));
  return 0;
}

}  // namespace

Action declare_diff(CLI::App& app) {
  auto options = std::make_shared<Options>();
  const CLI::Option* const snapshot =
      app.add_option("SNAPSHOT", options->snapshots, "The older one A, then the newer one B")->expected(0, 2);
  const CLI::Option* const file =
      app.add_option("--file", options->files, "A plain state.db in place of either; give it twice for two files")
          ->allow_extra_args(false)
          ->type_name("FILE");
  app.add_option("-n,--namespace", options->filter.namespaces, "Only in this namespace; may be given again")
      ->allow_extra_args(false)
      ->type_name("NAMESPACE");
  app.add_option_function<std::vector<std::string>>(
         "-r,--resource",
         [options](const std::vector<std::string>& names) {
           for (const std::string& name : names) options->filter.resources.push_back(verifier::full_resource(name));
         },
         "Only of this kind: secrets, deployments.apps, cm; may be given again")
      ->allow_extra_args(false)
      ->type_name("KIND");
  app.add_flag("--events", options->events, "List events and leases too, instead of only their numbers");
  app.footer(
      "Says what was created, changed, recreated (the same name, another uid) and deleted from A to B. -v lists all "
      "objects, --json all of them with uids and revisions. The exit code is 0 whether or not there are differences, 1 "
      "when one of the two is damaged, 2 for wrong usage, 3 when something could not be read or found.");
  return [options, &app, file, snapshot](const Globals& globals) {
    for (const CLI::Option* one : app.parse_order()) {
      options->file_first = one == file;
      if (one == file || one == snapshot) break;
    }
    return diff(globals, *options);
  };
}

}  // namespace cli
