#include "reports/restore.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "cli/command.hpp"
#include "cli/names.hpp"
#include "cli/node_cluster.hpp"
#include "cli/restore_consent.hpp"
#include "cli/restore_node.hpp"
#include "cli/restore_snapshot.hpp"
#include "cli/restore_steps.hpp"
#include "cli/restore_way_back.hpp"
#include "cli/restored_api.hpp"
#include "core/cancel.hpp"
#include "core/log.hpp"
#include "restorer/judge.hpp"

namespace cli {
namespace {

using core::CheckVerdict;
using core::Error;
using core::ErrorKind;

constexpr std::chrono::seconds kStaysReady{10};

struct Options {
  std::string snapshot;
  std::string node;
  bool dry_run = false;
  Consent consent;
  bool roll_back = false;
  bool finish = false;
  bool bump = true;
};

// No two restores have the same, also when they begin in the same second.
std::string new_moment() {
  std::uint16_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) throw core::system_error(errno, "getrandom");
  return fmt::format("{}-{:04x}", core::format_compact(core::utc_now()), random);
}

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

class Restore {
 public:
  Restore(const Globals& globals, const Options& options) : globals_(globals), options_(options) {}

  int run() {
    check_options();
    const core::Stopwatch watch;
    config_ = load_config(globals_.config_path);
    if (options_.dry_run) outcome_.mode = reports::RestoreOutcome::Mode::dry_run;
    if (options_.roll_back || options_.finish) {
      end_what_was_cut_off();
    } else {
      restore();
    }
    outcome_.duration = watch.elapsed();
    core::clear_progress();
    print(globals_.format == Format::json ? reports::restore_json(outcome_)
                                          : reports::restore_text(outcome_, page(globals_)));
    const core::Verdict verdict = verdict_of(outcome_);
    return core::cancel_requested() && verdict != core::Verdict::pass ? exit_code(ErrorKind::cancelled)
                                                                         : core::exit_code(verdict);
  }

 private:
  void restore() {
    snapshot_.emplace(config_.store, chosen_snapshot());
    outcome_.snapshot = snapshot_->name();
    outcome_.cluster = snapshot_->cluster();
    outcome_.node = options_.node;
    facts_.settings = find_node(config_, options_.node, outcome_.cluster);
    facts_.snapshot = outcome_.snapshot;
    facts_.moment = new_moment();
    check_consent(options_.consent, outcome_.cluster);
    if (!prepare()) return;
    if (options_.dry_run) return show_plan();
    std::vector<Planned> planned = plan();
    if (state_.unfinished) planned.insert(planned.begin(), way_back_->mend_step());
    confirm(planned, fmt::format("{} is about to replace the cluster on {}", outcome_.snapshot, outcome_.node),
            outcome_.cluster, "nothing was changed");
    if (!change() && claimed_) roll_back();
  }

  // A cluster alone names none: which snapshot goes onto a node is never left to be understood.
  std::string chosen_snapshot() const {
    const store::Store store(config_.store);
    const Names names(config_, store);
    const std::string name = names.snapshot_name(options_.snapshot);
    if (names.either(options_.snapshot).snapshot.empty())
      throw Error(ErrorKind::usage,
                  fmt::format("{0} is a cluster, and a restore takes one snapshot of it: drill restore {0}/latest --to "
                              "{1} takes the newest, {2}; drill list {0} shows all",
                              options_.snapshot, options_.node, store.find(name).full_name()));
    return name;
  }

  // For a node that a restore was cut off on, and nothing else.
  void end_what_was_cut_off() {
    facts_.settings = find_node(config_, options_.node, options_.snapshot.substr(0, options_.snapshot.find('/')));
    outcome_.node = options_.node;
    connect();
    if (!step({"node", "Look at what was cut off there", "", [this](reports::RestoreStep&) {
                 look();
                 outcome_.snapshot = state_.unfinished.value_or("");
                 if (!state_.unfinished) throw Error(ErrorKind::not_found, "no restore was cut off there");
               }}))
      return;
    std::vector<Planned> planned;
    planned.push_back(options_.finish ? let_stand_step() : way_back_->mend_step());
    if (options_.dry_run) return show_steps(planned, outcome_);
    const std::string cluster = outcome_.snapshot.substr(0, outcome_.snapshot.find('/'));
    if (state_.stage != restorer::Stage::claimed)
      confirm(planned, fmt::format("on {}, a restore of {}was cut off", outcome_.node, outcome_.snapshot),
              cluster.empty() ? "yes" : cluster, "nothing was changed");
    if (!options_.finish) return static_cast<void>(way_back_->mend());
    const core::CancelShield shield;
    step(planned.front());
  }

  Planned let_stand_step() {
    return {"finish", "Let what it has placed stand", restorer::finish_step(),
            [this](reports::RestoreStep&) { outcome_.kept_aside = node_->let_stand(); }};
  }

  void check_options() const {
    if (options_.roll_back && options_.finish)
      throw Error(ErrorKind::usage, "give either --rollback or --finish, not both");
    const bool restores = !options_.roll_back && !options_.finish;
    if (restores && options_.snapshot.empty())
      throw Error(ErrorKind::usage,
                  "SNAPSHOT is missing, as in: drill restore edge/latest --to edge; drill list shows what there is");
    if (!options_.dry_run && !options_.consent.yes && ::isatty(STDIN_FILENO) == 0)
      throw Error(ErrorKind::usage,
                  "a restore, and its rollback, replace the node's database: look at it with --dry-run, then give "
                  "--yes, or run it in a terminal and type the cluster's name");
  }

  bool step(const Planned& planned) {
    Planned whole = planned;
    whole.work = [this, &planned](reports::RestoreStep& step) {
      planned.work(step);
      if (node_) say_unflushed(*node_, step);
    };
    return run_step(whole, outcome_);
  }

  // Nothing is changed here: the snapshot and the node are looked at.
  bool prepare() {
    return step({"snapshot", "Verify the snapshot and unpack it", "",
                 [this](reports::RestoreStep& step) {
                   const Faults faults = options_.consent.force ? Faults::accepted : Faults::refused;
                   snapshot_->verify(step, faults, options_.node);
                   outcome_.revision = snapshot_->verification().revision;
                   if (faults == Faults::accepted) outcome_.accepted_faults = snapshot_->faults();
                 }}) &&
           step({"node", "Look at the node: its version, cluster, token, space and service", "",
                 [this](reports::RestoreStep& step) { look_at_node(step); }}) &&
           (!options_.bump ||
            step({"revision", "Move the revision of the copy beyond what any client has seen", "",
                  [this](reports::RestoreStep& step) { outcome_.bumped = snapshot_->bump_revision(step); }}));
  }

  void connect() {
    node_.emplace(facts_.settings);
    way_back_.emplace(*node_, facts_, outcome_);
  }

  void look() {
    state_ = node_->look();
    outcome_.node = state_.peer;
    outcome_.node_k3s_version = state_.k3s_version;
    facts_.manager = state_.manager;
    // What was just started may not have the database open yet, which is all that tells of it without a manager.
    const restorer::RollBack& mended = way_back_->mended();
    facts_.service = mended.service == restorer::Service::running ? mended.service : state_.service;
    facts_.server = state_.server;
    facts_.database_link = state_.database_link;
    if (!state_.owner.empty())
      throw Error(ErrorKind::storage,
                  fmt::format("another drill restore is at work there, with {}; wait for its end, or, if its drill is "
                              "gone and only the connection hangs, end it; type on the node: sudo kill {}",
                              state_.unfinished.value_or(""), state_.owner));
  }

  void look_at_node(reports::RestoreStep& step) {
    if (!node_) connect();
    look();
    if (state_.unfinished && state_.stage == restorer::Stage::started)
      throw Error(
          ErrorKind::storage,
          fmt::format("a restore was cut off there ({0}) after k3s had been started on what it placed, and "
                      "people may have worked with that since: drill restore {1} --finish --to {2} lets it stand, "
                      "drill restore {1} --rollback --to {2} puts back what was there before",
                      *state_.unfinished, outcome_.cluster, options_.node));
    if (state_.unfinished) {
      step.add(core::Severity::warning,
               fmt::format("a restore was cut off there ({}): it is rolled back first, then the node is judged",
                           state_.unfinished->empty() ? "before it had changed anything" : *state_.unfinished));
      return;
    }
    judge(step);
    node_->check_forwarding();
  }

  void judge(reports::RestoreStep& step) {
    restorer::Wanted wanted = snapshot_->wanted();
    wanted.may_replace = options_.consent.replace_cluster;
    if (restorer::may_be_another(state_, wanted) && state_.database_size_bytes > 0)
      state_.other = look_into_cluster(facts_.settings.target, state_.database_size_bytes);
    step.findings = restorer::judge(state_, wanted, facts_.settings);
    if (restorer::is_another(state_, wanted)) outcome_.replaced = {restorer::name_of_cluster(state_), state_.other};
  }

  std::vector<Planned> plan() {
    const auto on_node = [this](std::string name, std::string title, std::string lines) {
      return Planned{std::move(name), std::move(title), lines,
                     [this, lines](reports::RestoreStep&) { node_->run(facts_, lines); }};
    };
    std::vector<Planned> plan;
    plan.push_back({"send", "Send database and token to " + facts_.work().string() + " and compare their hashes there",
                    "", [this](reports::RestoreStep&) { send(); }});
    plan.push_back(on_node("stop", "Stop k3s and wait until nothing has the database open", stop_step(facts_)));
    if (rests_on_new())
      plan.push_back({"still-new", "See that nobody has made anything in the new cluster since it was looked at", "",
                      [this](reports::RestoreStep&) { see_that_it_is_still_new(); }});
    plan.push_back(on_node(
        "set-aside",
        "Move state.db, -wal, -shm, the token and what k3s makes anew out of them to " + facts_.aside().string(),
        restorer::aside_step()));
    plan.push_back(
        on_node("place", "Put the snapshot in their place, with their owner and mode", restorer::place_step()));
    plan.push_back(on_node("start", "Start k3s", start_step(facts_)));
    plan.push_back({"ready", "Wait until the API server is ready", "", [this](reports::RestoreStep&) {
                      api_.emplace(*node_, facts_);
                      api_->wait_until_ready(config_.drill.ready_timeout);
                    }});
    plan.push_back(prove_step());
    plan.push_back({"settle", "See that it stays ready for ten seconds", "",
                    [this](reports::RestoreStep&) { api_->stay_ready(kStaysReady); }});
    plan.push_back({"finish", "Let the restore stand", restorer::finish_step(), [this](reports::RestoreStep&) {
                      const core::CancelShield shield;
                      node_->run(facts_, restorer::finish_step());
                    }});
    return plan;
  }

  // What a damaged snapshot cannot give back is no reason to take back what it could.
  Planned prove_step() {
    const bool whole = outcome_.accepted_faults.empty();
    return {"prove",
            whole ? "Compare every object it serves with the snapshot"
                  : "Compare every object it serves with what can be read of the snapshot: what differs is said, and "
                    "undoes nothing, as the snapshot is damaged",
            "", [this](reports::RestoreStep& step) { prove(step); }, whole ? OnFailure::roll_back : OnFailure::go_on};
  }

  void show_plan() {
    if (state_.unfinished) show_steps({way_back_->mend_step()}, outcome_);
    show_steps(plan(), outcome_);
    outcome_.steps.push_back({"rollback",
                              "When any of these fails: put everything back",
                              rollback_step(facts_),
                              CheckVerdict::skipped,
                              {},
                              {}});
    stand(facts_.aside());
  }

  // Asked of a person, so it is said whatever --quiet keeps from the log.
  void confirm(const std::vector<Planned>& planned, const std::string& question, const std::string& name,
               const std::string& otherwise) {
    if (options_.consent.yes) return;
    core::clear_progress();
    std::string text;
    for (const reports::RestoreStep& step : outcome_.steps)
      for (const core::Finding& one : step.findings)
        if (one.severity == core::Severity::warning) text += "warning: " + core::printable(one.message) + "\n";
    for (const Planned& one : planned) text += "  " + core::printable(one.title) + "\n";
    core::show_lines(fmt::format("{}{}; type {} to go on:\n", text, core::printable(question), core::printable(name)));
    if (read_line() != name) throw Error(ErrorKind::usage, "that is not " + name + ": " + otherwise);
  }

  bool change() {
    if (state_.unfinished) {
      if (!way_back_->mend()) return false;
      const bool good = step({"node", "Look at the node again", "", [this](reports::RestoreStep& step) {
                                look_at_node(step);
                                if (step.passed()) agree_to_what_came_to_light();
                              }});
      if (!good) return false;
      outcome_.rolled_back = reports::RolledBack::no;
    }
    for (const Planned& planned : plan())
      if (!step(planned)) return false;
    stand(facts_.aside());
    return true;
  }

  // What was cut off hid the cluster that the node has, so no plan has named it yet.
  void agree_to_what_came_to_light() {
    if (!outcome_.replaced || !must_be_asked_about(options_.consent, outcome_.replaced->name)) return;
    confirm(plan(),
            fmt::format("{} is about to replace cluster {} on {}", outcome_.snapshot, outcome_.replaced->name,
                        outcome_.node),
            outcome_.cluster, "the node is as it was before the restore that was cut off");
  }

  // The agreement to replace a new cluster is none to replace what somebody has made there since.
  bool rests_on_new() const {
    return outcome_.replaced && outcome_.replaced->content && outcome_.replaced->content->is_new() &&
           options_.consent.replace_cluster != outcome_.replaced->name;
  }

  void see_that_it_is_still_new() {
    const restorer::OtherCluster now = look_into_cluster(facts_.settings.target, state_.database_size_bytes);
    if (now.is_new() && now.kube_system_uid == outcome_.replaced->name) return;
    const std::string what = !now.problem.empty()      ? "it could not be looked into again: " + now.problem
                             : now.of_somebody.empty() ? "it is another one"
                                                       : fmt::format("somebody made {}", now.of_somebody.front());
    throw Error(ErrorKind::storage,
                fmt::format("the cluster on the node was new and empty when it was looked at, and k3s has run since: "
                            "{}; look again, and start anew",
                            what));
  }

  // So it ends when all goes well.
  void stand(const std::string& kept_aside) {
    outcome_.kept_aside = kept_aside;
    const bool newcomer = facts_.server == restorer::Server::absent || outcome_.replaced;
    outcome_.needs_a_person =
        snapshot_->left_to_a_person(state_.name, newcomer ? Newcomer::yes : Newcomer::no, outcome_.bumped.has_value());
  }

  void send() {
    claim();
    node_->send(facts_, snapshot_->database(), snapshot_->token());
  }

  // A person may have taken long to answer, and another restore or a start of k3s may have come in between.
  void claim() {
    claimed_ = true;
    try {
      node_->claim(facts_);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::storage) claimed_ = false;  // refused
      throw;
    }
    const restorer::NodeState now = node_->look();
    const auto seen = [](const restorer::NodeState& state) {
      return std::tuple(state.manager, state.ca_sha256, state.token_ca);
    };
    if (seen(now) != seen(state_))
      throw Error(ErrorKind::storage,
                  "the node is no more as it was when it was looked at; look again, and start anew");
    if (now.service == restorer::Service::running) facts_.service = now.service;
  }

  // A connection that breaks in the midst of the lists is made again; the pulse waits for the node.
  drill::Equality objects_served(int tries = 3) {
    try {
      return api_->prove(snapshot_->verification(), outcome_.bumped.value_or(outcome_.revision));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unreachable || tries == 1) throw;
      core::log_warning(error.what());
    }
    node_->pulse(facts_);
    return objects_served(tries - 1);
  }

  void prove(reports::RestoreStep& step) {
    if (snapshot_->verification().objects.empty())
      throw Error(ErrorKind::damaged, "no object of the snapshot can be read, so there is nothing to compare with");
    outcome_.objects = objects_served();
    step.findings = outcome_.objects->findings;
    step.verdict = drill::check_of(*outcome_.objects).verdict;
  }

  void roll_back() {
    const core::CancelShield shield;
    api_.reset();
    const std::string stands = way_back_->roll_back();
    if (stands.empty()) return;
    // Its own finish was only not heard of. When another drill has let it stand, what failed here has failed.
    for (reports::RestoreStep& step : outcome_.steps) {
      if (step.name != "finish") continue;
      step.verdict = CheckVerdict::pass;
      for (core::Finding& one : step.findings) one.severity = core::Severity::warning;
    }
    stand(stands);
  }

  const Globals& globals_;
  const Options& options_;
  Config config_;
  std::optional<RestoreSnapshot> snapshot_;
  restorer::ScriptFacts facts_;
  restorer::NodeState state_;
  std::optional<restorer::Node> node_;
  std::optional<WayBack> way_back_;
  std::optional<RestoredApi> api_;
  bool claimed_ = false;
  reports::RestoreOutcome outcome_;
};

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
  return [options](const Globals& globals) { return Restore(globals, *options).run(); };
}

}  // namespace cli
