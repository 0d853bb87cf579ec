#include "restorer/restore.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <tuple>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"
#include "core/mutation.hpp"

namespace restorer {
namespace {

using core::CheckVerdict;
using core::Error;
using core::ErrorKind;

// No two restores have the same, also when they begin in the same second.
std::string new_timestamp() {
  std::uint16_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) throw core::system_error(errno, "getrandom");
  return fmt::format("{}-{:04x}", core::format_compact(core::utc_now()), random);
}

class Restore {
 public:
  Restore(const Request& request, Operator& who) : request_(request), who_(who) {
    facts_.settings = request.settings;
    outcome_.mode = request.mode;
    outcome_.node = request.node;
  }

  Outcome restore(RestorableSnapshot& snapshot) {
    const core::Stopwatch watch;
    snapshot_ = &snapshot;
    outcome_.snapshot = facts_.snapshot = snapshot.name();
    outcome_.cluster = snapshot.cluster();
    facts_.timestamp = new_timestamp();
    if (prepare()) go_on();
    outcome_.duration = watch.elapsed();
    return std::move(outcome_);
  }

  // For a node that a restore was cut off on, and nothing else.
  Outcome end_cut_off(CutOff how) {
    const core::Stopwatch watch;
    if (look_at_what_was_cut_off()) end(how);
    outcome_.duration = watch.elapsed();
    return std::move(outcome_);
  }

 private:
  void go_on() {
    if (is_dry_run()) return show_plan();
    std::vector<Planned> planned = plan();
    if (state_.unfinished) planned.insert(planned.begin(), rollback_->recover_step());
    confirm(planned, fmt::format("{} is about to replace the cluster on {}", outcome_.snapshot, outcome_.node),
            outcome_.cluster, "nothing was changed");
    if (!change() && claimed_ && !core::mutated("restore-no-rollback")) roll_back();
  }

  bool look_at_what_was_cut_off() {
    connect();
    return step({"node", "Look at what was cut off there", "", [this](Step&) {
                   look();
                   outcome_.snapshot = state_.unfinished.value_or("");
                   if (!state_.unfinished) throw Error(ErrorKind::not_found, "no restore was cut off there");
                 }});
  }

  void end(CutOff how) {
    const std::vector<Planned> planned{how == CutOff::accept ? accept_step() : rollback_->recover_step()};
    if (is_dry_run()) return show_steps(planned, outcome_);
    const std::string cluster = outcome_.snapshot.substr(0, outcome_.snapshot.find('/'));
    if (state_.stage != Stage::claimed)
      confirm(planned,
              fmt::format("on {}, a restore{} was cut off", outcome_.node,
                          outcome_.snapshot.empty() ? "" : " of " + outcome_.snapshot),
              cluster.empty() ? "yes" : cluster, "nothing was changed");
    if (how == CutOff::roll_back) return static_cast<void>(rollback_->recover());
    const core::CancelShield shield;
    step(planned.front());
  }

  Planned accept_step() {
    return {"finish", "Let what it has placed stand", finish_step(),
            [this](Step&) { outcome_.kept_aside = node_->accept(); }};
  }

  bool is_dry_run() const { return request_.mode == Outcome::Mode::dry_run; }

  void confirm(const std::vector<Planned>& planned, const std::string& question, const std::string& name,
               const std::string& refused) {
    who_.confirm(outcome_, planned, question, name, refused);
  }

  bool step(const Planned& planned) {
    Planned whole = planned;
    whole.work = [this, &planned](Step& step) {
      planned.work(step);
      if (node_) say_unflushed(*node_, step);
    };
    return run_step(whole, outcome_);
  }

  // Nothing is changed here: the snapshot and the node are looked at.
  bool prepare() {
    return step({"snapshot", "Verify the snapshot and unpack it", "",
                 [this](Step& step) {
                   const bool any = core::mutated("restore-any-snapshot");
                   snapshot_->verify(step, any ? Faults::accepted : request_.faults, request_.node);
                   outcome_.revision = snapshot_->verification().revision;
                   if (request_.faults == Faults::accepted) outcome_.accepted_faults = snapshot_->faults();
                 }}) &&
           step({"node", "Look at the node: its version, cluster, token, space and service", "",
                 [this](Step& step) { look_at_node(step); }}) &&
           (request_.revisions == Revisions::kept || core::mutated("restore-no-bump") ||
            step({"revision", "Move the revision of the copy beyond what any client has seen", "",
                  [this](Step& step) { outcome_.bumped = snapshot_->bump_revision(step); }}));
  }

  void connect() {
    node_.emplace(facts_.settings);
    rollback_.emplace(*node_, facts_, outcome_);
  }

  void look() {
    state_ = node_->look();
    outcome_.node = state_.peer;
    outcome_.node_k3s_version = state_.k3s_version;
    facts_.manager = state_.manager;
    // What was just started may not have the database open yet, which is all that tells of it without a manager.
    const RollbackResult& recovered = rollback_->recovered();
    facts_.service = recovered.service == Service::running ? recovered.service : state_.service;
    facts_.server = state_.server;
    facts_.database_link = state_.database_link;
    if (!state_.owner.empty())
      throw Error(ErrorKind::storage,
                  fmt::format("another drill restore is at work there, with {}; wait for its end, or, if its drill is "
                              "gone and only the connection hangs, end it; type on the node: sudo kill {}",
                              state_.unfinished.value_or(""), state_.owner));
  }

  void look_at_node(Step& step) {
    if (!node_) connect();
    look();
    if (state_.unfinished && state_.stage == Stage::started)
      throw Error(
          ErrorKind::storage,
          fmt::format("a restore was cut off there ({0}) after k3s had been started on what it placed, and "
                      "people may have worked with that since: drill restore {1} --finish --to {2} lets it stand, "
                      "drill restore {1} --rollback --to {2} puts back what was there before",
                      *state_.unfinished, outcome_.cluster, request_.node));
    if (state_.unfinished) {
      step.add(core::Severity::warning,
               fmt::format("a restore was cut off there ({}): it is rolled back first, then the node is checked",
                           state_.unfinished->empty() ? "before it had changed anything" : *state_.unfinished));
      return;
    }
    check_node(step);
    node_->check_forwarding();
  }

  void check_node(Step& step) {
    Requirements required = snapshot_->requirements();
    required.may_replace = request_.replace_cluster;
    if (may_be_another(state_, required) && state_.database_size_bytes > 0)
      state_.other = request_.look_into_cluster(state_.database_size_bytes);
    step.findings = preflight(state_, required, facts_.settings);
    if (is_another(state_, required)) outcome_.replaced = {name_of_cluster(state_), state_.other};
  }

  std::vector<Planned> plan() {
    const auto on_node = [this](std::string name, std::string title, std::string lines) {
      return Planned{std::move(name), std::move(title), lines, [this, lines](Step&) { node_->run(facts_, lines); }};
    };
    std::vector<Planned> plan;
    plan.push_back({"send", "Send database and token to " + facts_.work().string() + " and compare their hashes there",
                    "", [this](Step&) { send(); }});
    plan.push_back(on_node("stop", "Stop k3s and wait until nothing has the database open", stop_step(facts_)));
    if (rests_on_new())
      plan.push_back({"still-new", "See that nobody has made anything in the new cluster since it was looked at", "",
                      [this](Step&) { see_that_it_is_still_new(); }});
    plan.push_back(on_node(
        "set-aside",
        "Move state.db, -wal, -shm, the token and what k3s makes anew out of them to " + facts_.aside().string(),
        aside_step()));
    plan.push_back(on_node("place", "Put the snapshot in their place, with their owner and mode", place_step()));
    plan.push_back(on_node("start", "Start k3s", start_step(facts_)));
    plan.push_back({"ready", "Wait until the API server is ready", "", [this](Step&) {
                      api_.emplace(*node_, facts_);
                      api_->wait_until_ready(request_.ready_timeout);
                    }});
    plan.push_back(prove_step());
    plan.push_back(
        {"settle",
         fmt::format("See that it stays ready until {} after it was", core::format_duration(request_.alive_for)), "",
         [this](Step&) { api_->stay_ready(request_.alive_for); }});
    plan.push_back({"finish", "Let the restore stand", finish_step(), [this](Step&) {
                      const core::CancelShield shield;
                      node_->run(facts_, finish_step());
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
            "", [this](Step& step) { prove(step); }, whole ? OnFailure::roll_back : OnFailure::go_on};
  }

  void show_plan() {
    if (state_.unfinished) show_steps({rollback_->recover_step()}, outcome_);
    show_steps(plan(), outcome_);
    outcome_.steps.push_back({"rollback",
                              "When any of these fails: put everything back",
                              rollback_step(facts_),
                              CheckVerdict::skipped,
                              {},
                              {}});
    stand(facts_.aside());
  }

  bool change() {
    if (state_.unfinished) {
      if (!rollback_->recover()) return false;
      const bool good = step({"node", "Look at the node again", "", [this](Step& step) {
                                look_at_node(step);
                                if (step.passed()) agree_to_what_came_to_light();
                              }});
      if (!good) return false;
      outcome_.rolled_back = RolledBack::no;
    }
    for (const Planned& planned : plan())
      if (!step(planned)) return false;
    stand(facts_.aside());
    return true;
  }

  // What was cut off hid the cluster that the node has, so no plan has named it yet.
  void agree_to_what_came_to_light() {
    if (!outcome_.replaced || !who_.must_be_asked_about(outcome_.replaced->name)) return;
    confirm(plan(),
            fmt::format("{} is about to replace cluster {} on {}", outcome_.snapshot, outcome_.replaced->name,
                        outcome_.node),
            outcome_.cluster, "the node is as it was before the restore that was cut off");
  }

  // The agreement to replace a new cluster is none to replace what somebody has made there since.
  bool rests_on_new() const {
    return outcome_.replaced && outcome_.replaced->content && outcome_.replaced->content->is_new() &&
           request_.replace_cluster != outcome_.replaced->name;
  }

  void see_that_it_is_still_new() {
    const OtherCluster now = request_.look_into_cluster(state_.database_size_bytes);
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
    const bool newcomer = facts_.server == Server::absent || outcome_.replaced;
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
    const NodeState now = node_->look();
    const auto seen = [](const NodeState& state) { return std::tuple(state.manager, state.ca_sha256, state.token_ca); };
    if (seen(now) != seen(state_))
      throw Error(ErrorKind::storage,
                  "the node is no more as it was when it was looked at; look again, and start anew");
    if (now.service == Service::running) facts_.service = now.service;
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

  void prove(Step& step) {
    if (snapshot_->verification().objects.empty())
      throw Error(ErrorKind::damaged, "no object of the snapshot can be read, so there is nothing to compare with");
    if (core::mutated("restore-no-proof")) return;
    outcome_.objects = objects_served();
    step.findings = outcome_.objects->findings;
    step.verdict = drill::check_of(*outcome_.objects).verdict;
  }

  void roll_back() {
    const core::CancelShield shield;
    api_.reset();
    const std::string stands = rollback_->roll_back();
    if (stands.empty()) return;
    // Its own finish was only not heard of. When another drill has let it stand, what failed here has failed.
    for (Step& step : outcome_.steps) {
      if (step.name != "finish") continue;
      step.verdict = CheckVerdict::pass;
      for (core::Finding& one : step.findings) one.severity = core::Severity::warning;
    }
    stand(stands);
  }

  const Request& request_;
  Operator& who_;
  RestorableSnapshot* snapshot_ = nullptr;
  ScriptFacts facts_;
  NodeState state_;
  std::optional<Node> node_;
  std::optional<Rollback> rollback_;
  std::optional<RestoredApi> api_;
  bool claimed_ = false;
  Outcome outcome_;
};

}  // namespace

Outcome restore(const Request& request, RestorableSnapshot& snapshot, Operator& who) {
  return Restore(request, who).restore(snapshot);
}

Outcome end_cut_off(const Request& request, CutOff how, Operator& who) {
  return Restore(request, who).end_cut_off(how);
}

}  // namespace restorer
