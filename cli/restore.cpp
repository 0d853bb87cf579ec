#include "reports/restore.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/node_cluster.hpp"
#include "cli/restore_consent.hpp"
#include "cli/restore_node.hpp"
#include "cli/restore_snapshot.hpp"
#include "cli/snapshot_names.hpp"
#include "core/cancel.hpp"
#include "core/logging.hpp"
#include "restorer/restore.hpp"

namespace cli {
namespace {

using core::Error;
using core::ErrorKind;

struct Options {
  std::string snapshot;
  std::string node;
  bool dry_run = false;
  Consent consent;
  bool roll_back = false;
  bool finish = false;
  bool bump = true;
};

// One line of the terminal, without its end. Throws: cancelled.
std::string read_line() {
  std::string line;
  char c = 0;
  while (true) {
    if (!core::wait_for(STDIN_FILENO, POLLIN, std::chrono::hours(1)) || ::read(STDIN_FILENO, &c, 1) != 1) return line;
    if (c == '\n') return line;
    line += c;
  }
}

// The person in front of the terminal, or what the command line has agreed to in its place.
class Person : public restorer::Operator {
 public:
  explicit Person(const Consent& consent) : consent_(consent) {}

  // Asked of a person, so it is said whatever --quiet keeps from the log.
  void confirm(const restorer::Outcome& so_far, const std::vector<restorer::Planned>& planned,
               const std::string& question, const std::string& name, const std::string& refused) override {
    if (consent_.yes) return;
    core::clear_progress();
    std::string text;
    for (const restorer::Step& step : so_far.steps)
      for (const core::Finding& one : step.findings)
        if (one.severity == core::Severity::warning) text += "warning: " + core::printable(one.message) + "\n";
    for (const restorer::Planned& one : planned) text += "  " + core::printable(one.title) + "\n";
    core::show_lines(fmt::format("{}{}; type {} to go on:\n", text, core::printable(question), core::printable(name)));
    if (read_line() != name) throw Error(ErrorKind::usage, "that is not " + name + ": " + refused);
  }

  bool must_be_asked_about(const std::string& name) override { return cli::must_be_asked_about(consent_, name); }

 private:
  const Consent& consent_;
};

void check_options(const Options& options) {
  if (options.roll_back && options.finish)
    throw Error(ErrorKind::usage, "give either --rollback or --finish, not both");
  const bool restores = !options.roll_back && !options.finish;
  if (restores && options.snapshot.empty())
    throw Error(ErrorKind::usage,
                "SNAPSHOT is missing, as in: drill restore edge/latest --to edge; drill list shows what there is");
  if (!options.dry_run && !options.consent.yes && ::isatty(STDIN_FILENO) == 0)
    throw Error(ErrorKind::usage,
                "a restore, and its rollback, replace the node's database: look at it with --dry-run, then give "
                "--yes, or run it in a terminal and type the cluster's name");
}

// A cluster alone names none: which snapshot goes onto a node is never left to be understood.
std::string chosen_snapshot(const Config& config, const Options& options) {
  const store::Store store(config.store);
  const Names names(config, store);
  const std::string name = names.snapshot_name(options.snapshot);
  if (names.either(options.snapshot).snapshot.empty())
    throw Error(ErrorKind::usage,
                fmt::format("{0} is a cluster, and a restore takes one snapshot of it: drill restore {0}/latest --to "
                            "{1} takes the newest, {2}; drill list {0} shows all",
                            options.snapshot, options.node, store.find(name).full_name()));
  return name;
}

restorer::Request request_for(const Config& config, const Options& options, const std::string& cluster) {
  const RestoreNode node = find_node(config, options.node, cluster);
  restorer::Request request;
  request.settings = node.settings;
  request.node = options.node;
  request.mode = options.dry_run ? restorer::Outcome::Mode::dry_run : restorer::Outcome::Mode::real;
  request.faults = options.consent.force ? restorer::Faults::accepted : restorer::Faults::refused;
  request.revisions = options.bump ? restorer::Revisions::bumped : restorer::Revisions::kept;
  request.replace_cluster = options.consent.replace_cluster;
  request.ready_timeout = config.drill.ready_timeout;
  request.alive_for = config.drill.alive_for;
  request.look_into_cluster = [target = node.target](std::uint64_t size_bytes) {
    return look_into_cluster(target, size_bytes);
  };
  return request;
}

restorer::Outcome run(const Config& config, const Options& options) {
  Person person(options.consent);
  if (options.roll_back || options.finish) {
    const std::string cluster = options.snapshot.substr(0, options.snapshot.find('/'));
    return restorer::end_cut_off(request_for(config, options, cluster),
                                 options.finish ? restorer::CutOff::accept : restorer::CutOff::roll_back, person);
  }
  RestoreSnapshot snapshot(config.store, chosen_snapshot(config, options));
  const restorer::Request request = request_for(config, options, snapshot.cluster());
  check_consent(options.consent, snapshot.cluster());
  return restorer::restore(request, snapshot, person);
}

int restore(const Globals& globals, const Options& options) {
  check_options(options);
  const restorer::Outcome outcome = run(load_config(globals.config_path), options);
  core::clear_progress();
  print(globals.format == Format::json ? reports::restore_json(outcome)
                                       : reports::restore_text(outcome, page(globals)));
  const core::Verdict verdict = verdict_of(outcome);
  return core::cancel_requested() && verdict != core::Verdict::pass ? exit_code(ErrorKind::cancelled)
                                                                    : core::exit_code(verdict);
}

}  // namespace

Action declare_restore(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SNAPSHOT", options->snapshot,
                 "Which; with --rollback and --finish its cluster is enough, or nothing");
  app.add_option("--to", options->node, "The server: a configured cluster, or user@host[:port]")
      ->required()
      ->type_name("NODE");
  app.add_flag("--dry-run", options->dry_run, "Look, show every step with its commands, change nothing");
  declare_consent(app, options->consent);
  app.add_flag("--bump-revision,!--no-bump-revision", options->bump,
               "Go on beyond every revision a client can have seen, so that watches notice (default: on)");
  app.add_flag("--rollback", options->roll_back, "Only put back what a restore has moved that was cut off");
  app.add_flag("--finish", options->finish, "Only let what a restore has placed that was cut off stand");
  return [options](const Globals& globals) { return restore(globals, *options); };
}

}  // namespace cli
