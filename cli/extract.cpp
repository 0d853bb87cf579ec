#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "cli/stored_copy.hpp"
#include "core/file.hpp"
#include "core/logging.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

struct Options {
  std::string snapshot;
  std::filesystem::path out;
};

void flush(const std::filesystem::path& file) {
  const core::Fd fd = core::open_file(file, O_RDONLY);
  if (::fsync(fd.get()) != 0) throw core::system_error(errno, "flushing " + file.string());
  core::sync_directory(file.has_parent_path() ? file.parent_path() : std::filesystem::path("."));
}

int extract(const Globals& globals, const Options& options) {
  const Config config = load_config(globals.config_path);
  store::Store store(config.store);
  const store::Snapshot snapshot = Names(config, store).snapshot(options.snapshot);
  if (std::filesystem::exists(std::filesystem::symlink_status(options.out)))
    throw core::Error(core::ErrorKind::usage, options.out.string() + " is already there and is never overwritten");
  if (options.out.has_parent_path() && !std::filesystem::is_directory(options.out.parent_path()))
    throw core::Error(core::ErrorKind::usage,
                      fmt::format("--out {}: there is no directory {}: make it, or name another", options.out.string(),
                                  options.out.parent_path().string()));
  core::show_progress("unpacking " + snapshot.full_name());
  const core::Stopwatch watch;
  reports::ExtractOutcome outcome{snapshot.full_name(), options.out, {}, {}};
  unless_removed(snapshot, [&] { outcome.written = store.extract(snapshot, options.out); });
  flush(options.out);
  outcome.duration = watch.elapsed();
  core::clear_progress();
  print(globals.format == Format::json ? reports::extract_json(outcome) : reports::extract_text(outcome));
  return 0;
}

}  // namespace

Action declare_extract(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SNAPSHOT", options->snapshot, "Which; of a cluster, its latest")->required();
  app.add_option("--out", options->out, "The new file (0600)")->required()->type_name("FILE");
  return [options](const Globals& globals) { return extract(globals, *options); };
}

}  // namespace cli
