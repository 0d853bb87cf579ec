#include "drill/drill.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/mutation.hpp"
#include "drill/engine/container.hpp"
#include "drill/engine/control_plane.hpp"
#include "drill/phases.hpp"
#include "drill/proof/identity_proof.hpp"
#include "drill/proof/kept_proof.hpp"
#include "drill/proof/proof.hpp"
#include "drill/proof/writes.hpp"
#include "drill/sandbox/sandbox.hpp"
#include "drill/series.hpp"

namespace drill {
namespace {

constexpr std::chrono::seconds kPatience{30};  // for what is not served yet
// Those that need the snapshot before, or say nothing of whether this one comes back: no reason to drill an older one.
constexpr std::array<std::string_view, 3> kSeriesChecks{"lineage", "freshness", "census"};

core::Finding error_finding(std::string message) { return {core::Severity::error, std::move(message), {}, {}}; }

// A check of the proof that throws, by what that means.
template <class Work>
core::Check proven(std::string_view name, Work&& work) {
  const core::Stopwatch watch;
  core::Check check{std::string(name), core::CheckVerdict::could_not_run, {}, {}};
  try {
    check = work();
  } catch (...) {
    const core::Error error = core::caught();
    if (error.kind() == core::ErrorKind::cancelled) throw;
    if (error.kind() == core::ErrorKind::damaged) check.verdict = core::CheckVerdict::fail;
    check.findings.push_back(error_finding(error.what()));
  }
  check.duration = watch.elapsed();
  return check;
}

class Drill {
 public:
  Drill(const std::vector<Candidate>& candidates, const DrillOptions& options, const Progress& progress)
      : candidates_(candidates), options_(options), progress_(progress), sandbox_(options.caps) {
    report_.started_at = core::utc_now();
    report_.objectives = options.objectives;
    report_.depth = options.depth;
  }

  DrillReport run() {
    bool going = select();
    going = going && phase("place", [&](Phase& now) { place(now); });
    going = going && boot_engine();
    going = going && phase("list", [&](Phase&) { list(); });
    if (going) report_.rto = clock_.elapsed() - find("fetch")->start;
    going = going && phase("prove", [&](Phase& now) { prove(now); });
    if (going) settle();
    control();
    compare();
    if (going) watch();
    teardown();
    report_.phases = all_phases(std::move(report_.phases));
    report_.duration = clock_.elapsed();
    return std::move(report_);
  }

 private:
  // Runs one phase; a throw becomes its verdict. True when the drill may go on.
  template <class Work>
  bool phase(std::string_view name, Work&& work) {
    tell(name);
    Phase now{std::string(name), clock_.elapsed(), {}, core::CheckVerdict::pass, {}};
    try {
      work(now);
    } catch (...) {
      const core::Error error = core::caught();
      if (error.kind() == core::ErrorKind::cancelled) throw;
      now.findings.push_back(error_finding(error.what()));
      now.verdict =
          error.kind() == core::ErrorKind::damaged ? core::CheckVerdict::fail : core::CheckVerdict::could_not_run;
    }
    now.duration = clock_.elapsed() - now.start;
    report_.phases.push_back(now);
    return now.verdict == core::CheckVerdict::pass;
  }

  void tell(std::string_view what) const {
    if (progress_) progress_(what);
  }

  static void fail(Phase& now, std::string message) {
    now.verdict = core::CheckVerdict::fail;
    now.findings.push_back(error_finding(std::move(message)));
  }

  // nullptr for a phase that was not reached.
  Phase* find(std::string_view name) {
    const auto found =
        std::find_if(report_.phases.begin(), report_.phases.end(), [&](const Phase& now) { return now.name == name; });
    return found == report_.phases.end() ? nullptr : &*found;
  }

  // Finds the newest candidate that verifies. The time spent on others belongs to `select`; `fetch` and `verify` are
  // those of the one that is restored.
  bool select() {
    tell("select");
    Phase select{"select", clock_.elapsed(), {}, core::CheckVerdict::pass, {}};
    if (options_.only.empty()) {
      core::Check series = check_series(candidates_, report_.started_at, options_.stale_after);
      select.verdict = series.verdict;
      select.findings = std::move(series.findings);
    }
    for (const Candidate& candidate : candidates_) {
      if (!options_.only.empty() && candidate.name != options_.only) continue;
      if (candidate.unreadable) {  // which says nothing of it: an older one in its place would be a pass too much
        describe(candidate);
        select.findings.push_back(error_finding(fmt::format("{}: {}", candidate.name, *candidate.unreadable)));
        if (select.verdict != core::CheckVerdict::fail) select.verdict = core::CheckVerdict::could_not_run;
        break;
      }
      if (candidate.damage) {
        fail(select, fmt::format("{}: {}", candidate.name, *candidate.damage));
        continue;
      }
      const bool chosen = choose(candidate, select);
      select.duration = clock_.elapsed() - select.start;
      report_.phases = {select};
      describe(candidate);
      if (!chosen) return false;
      const bool fetched = phase("fetch", [&](Phase&) { material_ = drill::fetch(candidate, scratch()); });
      const bool verified = fetched && phase("verify", [&](Phase& now) { verify(candidate, now); });
      if (verified) return true;
      const Phase& bad = report_.phases.back();
      const bool is_last = &candidate == &candidates_.back() || !options_.only.empty();
      if (bad.verdict != core::CheckVerdict::fail || is_last) return false;
      fail(select, fmt::format("{} does not verify: {}", candidate.name, bad.findings.front().message));
      core::remove_tree(scratch());
      report_.verification.reset();
    }
    report_.phases = {select};
    return false;
  }

  void describe(const Candidate& candidate) {
    restored_ = &candidate;
    report_.snapshot = candidate.name;
    report_.taken_at = candidate.taken_at;
    report_.k3s_version = candidate.k3s_version;
    report_.verification.reset();
    if (!is_newest()) report_.objectives.rpo.reset();
  }

  // Whether a disaster now would end in this snapshot. A plain file does not say, nor does one that was asked for
  // although there are newer ones.
  bool is_newest() const {
    return restored_->taken_at && std::all_of(candidates_.data(), restored_, [&](const Candidate& newer) {
             return newer.damage || options_.only.empty();
           });
  }

  void measure_loss() {
    const std::optional<core::UtcTime>& taken_at = restored_->taken_at;
    const std::optional<core::UtcTime>& newest_change = report_.verification->newest_change;
    if (taken_at && newest_change)
      report_.captured_lag = std::max(std::chrono::nanoseconds(0), *taken_at - *newest_change);
    if (is_newest() && *taken_at <= report_.started_at + kClocks)
      report_.rpo = std::max(std::chrono::nanoseconds(0), report_.started_at - *taken_at);
  }

  // Finding (perhaps downloading) the engine is no part of the recovery time where the version is known beforehand.
  bool choose(const Candidate& candidate, Phase& now) {
    report_.engine.reset();
    if (candidate.k3s_version.empty() && options_.engine.version.empty()) return true;
    try {
      report_.engine = choose_engine(options_.engine, candidate.k3s_version);
      return true;
    } catch (...) {
      const core::Error error = core::caught();
      if (error.kind() == core::ErrorKind::cancelled) throw;
      now.findings.push_back(error_finding(error.what()));
      if (now.verdict != core::CheckVerdict::fail) now.verdict = core::CheckVerdict::could_not_run;
      return false;
    }
  }

  std::filesystem::path scratch() const { return sandbox_.hidden() / "snapshot"; }

  void verify(const Candidate& candidate, Phase& now) {
    verifier::Subject subject;
    subject.database = material_.database;
    subject.token = material_.token;
    subject.captured_sha256 = candidate.captured_sha256;
    report_.verification = verifier::verify(subject, progress_);
    if (report_.k3s_version.empty()) report_.k3s_version = report_.verification->k3s_version;
    for (const core::Check& check : report_.verification->checks)
      if (check.verdict == core::CheckVerdict::fail) fail(now, failure_of(check));
    if (now.verdict == core::CheckVerdict::pass) measure_loss();
  }

  void place(Phase& now) {
    for (const std::string& file : k3s::flags_of_config(material_.configs).unreadable)
      now.findings.push_back({core::Severity::warning,
                              file + " is not YAML as k3s reads it, so that the flags in it are left out here: the "
                                     "node's k3s would not start on it; fix it there",
                              {},
                              {}});
    const RestoreSet restore = restore_set(material_, *report_.verification, options_.controllers);
    if (!report_.engine) report_.engine = choose_engine(options_.engine, report_.k3s_version);
    plane_.emplace(*report_.engine, sandbox_);
    plane_->place(restore);
  }

  bool boot_engine() {
    auto begin = clock_.elapsed();
    const auto offset = begin;  // of the engine's start
    const auto started = std::chrono::steady_clock::now();
    const BootResult result = plane_->start(options_.ready_timeout, [this](std::string_view name) { tell(name); });
    report_.datastore_steps = result.datastore;
    for (std::size_t i = 0; i < result.phases_ended; ++i) {
      const auto end = std::max(offset + (result.ended[i].at - started), begin);
      report_.phases.push_back(
          {std::string(kBootPhaseNames[i]), begin, end - begin, core::CheckVerdict::pass, {}, result.ended[i].said});
      begin = end;
    }
    ready_at_ = std::chrono::steady_clock::now();
    if (!result.failure) return true;
    report_.phases.push_back({std::string(kBootPhaseNames[std::min(result.phases_ended, kBootPhases - 1)]),
                              begin,
                              clock_.elapsed() - begin,
                              result.failure_verdict,
                              {*result.failure}});
    return false;
  }

  // However much an engine goes on saying.
  void limit_phase() { plane_->api().finish_by(std::chrono::steady_clock::now() + options_.phase_timeout); }

  void list() {
    limit_phase();
    listing_ = list_objects(plane_->api(), *report_.verification, report_.verification->revision,
                            Webhooks::out_of_reach, plane_->retry_for(kPatience));
  }

  void prove(Phase& now) {
    const verifier::Verification& snapshot = *report_.verification;
    ApiClient& api = plane_->api();
    limit_phase();
    take(now, proven("objects", [&] {
           report_.objects = compare_with(snapshot, listing_);
           return check_of(report_.objects);
         }));
    take(now, proven("identity", [&] { return prove_identity(api, snapshot, *material_.token); }));
    take(now, proven("health", [&] { return prove_health(api); }));
    take(now, proven("datastore", [&] {
           std::vector<std::string> resources;
           for (const auto& [resource, versions] : listing_.unconverted) resources.push_back(resource);
           DatastoreProof proof =
               prove_datastore(datastore(), material_.database, snapshot.revision, options_.depth, resources);
           report_.datastore_keys = proof.keys;
           report_.datastore_matched = proof.matched;
           return std::move(proof.check);
         }));
    take(now, proven("writes", [&] { return prove_writes(api, snapshot.revision, plane_->retry_for(kPatience)); }));
    take(now, proven("kept", [&] { return prove_kept(datastore(), material_.database); }));
  }

  DatastoreAccess datastore() {
    return {[&] { return plane_->engine().datastore_socket(); }, [&] { plane_->look(); },
            std::chrono::steady_clock::now() + options_.phase_timeout};
  }

  // A check of the proof belongs to the phase `prove`: what it found against the snapshot is the phase's as well.
  void take(Phase& now, core::Check check) {
    if (now.verdict != core::CheckVerdict::fail && check.verdict != core::CheckVerdict::skipped &&
        check.verdict != core::CheckVerdict::pass)
      now.verdict = check.verdict;
    std::copy(check.findings.begin(), check.findings.end(), std::back_inserter(now.findings));
    report_.proof.push_back(std::move(check));
  }

  // What the restored cluster's own controllers make of it, now that it is proven.
  void settle() {
    if (options_.controllers == Controllers::off) return;
    tell("settle");
    const core::Stopwatch watch;
    plane_->api().finish_by(std::chrono::steady_clock::now() + options_.settle + options_.phase_timeout);
    if (plane_->watch_until(std::chrono::steady_clock::now() + options_.settle)) return;  // watch() will say so
    try {
      report_.drift = compare_over_time(listing_, list_objects(plane_->api(), *report_.verification, std::nullopt,
                                                               Webhooks::out_of_reach, plane_->retry_for(kPatience)));
      report_.drift->settled = watch.elapsed();
    } catch (...) {
      const core::Error error = core::caught();
      if (error.kind() == core::ErrorKind::cancelled) throw;
      find("prove")->findings.push_back({core::Severity::warning,
                                         fmt::format("what the controllers changed is not known: {}", error.what()),
                                         {},
                                         {}});
    }
  }

  void control() {
    phase("control", [&](Phase& now) {
      const auto skip = [&](std::string reason) {
        now.verdict = core::CheckVerdict::skipped;
        if (!reason.empty()) now.findings.push_back({core::Severity::note, std::move(reason), {}, {}});
      };
      if (!options_.control) return skip("no damaged twin was drilled in this run");
      const Phase* const prove = find("prove");
      if (prove == nullptr) return skip({});
      if (prove->verdict == core::CheckVerdict::fail) return skip("not needed: the snapshot itself did not pass");
      if (prove->verdict != core::CheckVerdict::pass)
        return skip("no damaged twin was drilled: the snapshot itself is not proven");
      report_.control = run_control(*options_.control, material_, *report_.verification, *report_.engine, options_.caps,
                                    options_.ready_timeout);
      Control& control = *report_.control;
      now.verdict = control.verdict;
      now.findings.push_back(
          {control.verdict == core::CheckVerdict::pass ? core::Severity::note : core::Severity::error,
           control.verdict == core::CheckVerdict::pass
               ? fmt::format("{} was caught by {}: {}", to_string(control.fault), control.caught_by, control.message)
               : fmt::format("{}: {}", to_string(control.fault), control.message),
           {},
           {}});
      std::move(control.leftovers.begin(), control.leftovers.end(), std::back_inserter(report_.leftovers));
    });
  }

  // The checks that `verify` had no time for. The restored control plane is watched meanwhile, and would be anyway.
  void compare() {
    Phase* const reached = find("verify");
    if (reached == nullptr || !report_.verification) return;
    tell("compare");
    Phase& now = *reached;
    const std::filesystem::path directory = sandbox_.hidden() / "previous";
    try {
      verifier::Subject subject{material_.database, material_.token, {}};
      subject.taken_at = restored_->taken_at;
      verifier::verify_in_series(subject, *report_.verification);
      for (const Candidate* earlier :
           in_order_of_comparison({restored_ + 1, candidates_.data() + candidates_.size()})) {
        subject.previous = fetch_previous(*earlier, directory);
        if (!subject.previous) continue;
        verifier::verify_in_series(subject, *report_.verification);
        core::remove_tree(directory);
        if (report_.verification->previous_is_damaged) continue;
        report_.compared_with = earlier->name;
        report_.compared_with_drilled = earlier->drilled;
        break;
      }
    } catch (...) {
      const core::Error error = core::caught();
      if (error.kind() == core::ErrorKind::cancelled) throw;
      now.findings.push_back(error_finding(fmt::format("not compared with the snapshot before: {}", error.what())));
      if (now.verdict == core::CheckVerdict::pass) now.verdict = core::CheckVerdict::could_not_run;
    }
    core::remove_tree(directory);
    for (const core::Check& check : report_.verification->checks)
      if (std::find(kSeriesChecks.begin(), kSeriesChecks.end(), check.name) != kSeriesChecks.end()) tell_of(check, now);
  }

  static void tell_of(const core::Check& check, Phase& now) {
    if (check.verdict == core::CheckVerdict::fail) now.verdict = core::CheckVerdict::fail;
    if (check.verdict != core::CheckVerdict::fail && check.verdict != core::CheckVerdict::pass) return;
    for (core::Finding finding : check.findings) {
      if (finding.severity == core::Severity::note) continue;
      finding.message = fmt::format("check {}: {}", check.name, finding.message);
      now.findings.push_back(std::move(finding));
    }
  }

  // k3s is known to say that it is up and running, and to die in the same second. The damaged twin is drilled
  // meanwhile. A death that has been seen is told, also where nobody is to watch.
  void watch() {
    if (options_.alive_for.count() == 0 && !plane_->death()) return;
    if (core::mutated("run-no-watch")) return;
    tell("watch");
    take(*find("prove"), proven("alive", [&] {
      const std::optional<std::string> death = plane_->watch_until(ready_at_ + options_.alive_for);
      core::Check check{"alive", core::CheckVerdict::pass, {}, {}};
      if (!death) return check;
      // Our caps are no fault of the snapshot's.
      const bool capped = plane_->engine().exit_status()->reached.has_value();
      check.verdict = capped ? core::CheckVerdict::could_not_run : core::CheckVerdict::fail;
      check.findings.push_back(error_finding("the control plane died after it was ready: " + *death));
      return check;
    }));
  }

  void teardown() {
    phase("teardown", [&](Phase& now) {
      const auto keep = [&](std::vector<std::string> left) {
        std::move(left.begin(), left.end(), std::back_inserter(report_.leftovers));
      };
      if (plane_) keep(plane_->stop());
      plane_.reset();
      keep(sandbox_.stop({}));
      for (const std::string& left : report_.leftovers) fail(now, "left behind: " + left);
    });
  }

  const std::vector<Candidate>& candidates_;
  const DrillOptions& options_;
  const Progress& progress_;
  core::Stopwatch clock_;
  Sandbox sandbox_;
  const Candidate* restored_ = nullptr;
  DrillReport report_;
  Material material_;
  std::optional<ControlPlane> plane_;
  std::chrono::steady_clock::time_point ready_at_;
  Listing listing_;
};

}  // namespace

std::optional<bool> DrillReport::objectives_met() const {
  if (!objectives.rto && !objectives.rpo) return std::nullopt;
  const auto met = [](const std::optional<std::chrono::nanoseconds>& objective,
                      const std::optional<std::chrono::nanoseconds>& measured) {
    return !objective || (measured && *measured <= *objective);
  };
  return met(objectives.rto, rto) && met(objectives.rpo, rpo);
}

DrillReport run(const std::vector<Candidate>& candidates, const DrillOptions& options, const Progress& progress) {
  remove_orphaned_containers();
  return Drill(candidates, options, progress).run();
}

}  // namespace drill
