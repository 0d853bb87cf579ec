#include "reports/verdict.hpp"

#include <algorithm>

#include "reports/json.hpp"

namespace reports {
namespace {

// Phases that say something of the night and nothing of the snapshot that was restored.
bool is_of_the_night(const drill::Phase& phase) { return phase.name == "select" || phase.name == "teardown"; }

Verdict derive(const std::vector<core::CheckVerdict>& verdicts, const core::Coverage& coverage) {
  const auto any = [&](core::CheckVerdict wanted) {
    return std::find(verdicts.begin(), verdicts.end(), wanted) != verdicts.end();
  };
  if (any(core::CheckVerdict::fail)) return Verdict::fail;
  if (any(core::CheckVerdict::could_not_run) || !coverage.complete()) return Verdict::inconclusive;
  return any(core::CheckVerdict::pass) ? Verdict::pass : Verdict::inconclusive;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::inconclusive:
      return "inconclusive";
  }
  return "inconclusive";
}

int exit_code(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return 0;
    case Verdict::fail:
      return 1;
    case Verdict::inconclusive:
      return 3;
  }
  return 3;
}

Verdict worse(Verdict a, Verdict b) {
  if (a == Verdict::fail || b == Verdict::fail) return Verdict::fail;
  return a == Verdict::inconclusive || b == Verdict::inconclusive ? Verdict::inconclusive : Verdict::pass;
}

Verdict verdict_of(const PullOutcome& outcome) {
  if (!outcome.report) return Verdict::inconclusive;
  if (!outcome.another_cluster.empty()) return Verdict::fail;
  return outcome.retention_error.empty() ? Verdict::pass : Verdict::inconclusive;
}

Verdict verdict_of(const verifier::Verification& verification) {
  std::vector<core::CheckVerdict> verdicts;
  for (const core::Check& check : verification.checks) verdicts.push_back(check.verdict);
  return derive(verdicts, verification.coverage);
}

Verdict snapshot_verdict_of(const drill::DrillReport& report) {
  std::vector<core::CheckVerdict> verdicts;
  core::Coverage coverage;
  if (report.verification) {
    for (const core::Check& check : report.verification->checks) verdicts.push_back(check.verdict);
    coverage = report.verification->coverage;
  }
  bool proven = false;
  for (const drill::Phase& phase : report.phases) {
    if (!is_of_the_night(phase)) verdicts.push_back(phase.verdict);
    if (phase.name == "prove") proven = phase.verdict == core::CheckVerdict::pass;
  }
  const Verdict verdict = derive(verdicts, coverage);
  // A drill that never came to compare the objects has proven nothing, whatever its other phases say.
  return verdict == Verdict::pass && !proven ? Verdict::inconclusive : verdict;
}

Verdict verdict_of(const drill::DrillReport& report) {
  Verdict verdict = snapshot_verdict_of(report);
  const auto hold = [&](const std::optional<std::chrono::nanoseconds>& objective,
                        const std::optional<std::chrono::nanoseconds>& measured) {
    if (objective)
      verdict = worse(verdict, !measured                ? Verdict::inconclusive
                               : *measured > *objective ? Verdict::fail
                                                        : Verdict::pass);
  };
  hold(report.objectives.rto, report.rto);
  hold(report.objectives.rpo, report.rpo);
  for (const drill::Phase& phase : report.phases)
    if (is_of_the_night(phase)) verdict = worse(verdict, derive({phase.verdict}, {}));
  return verdict;
}

}  // namespace reports
