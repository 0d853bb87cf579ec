#include "drill/verdict.hpp"

namespace drill {
namespace {

// Phases that say something of the night and nothing of the snapshot that was restored.
bool is_of_the_night(const Phase& phase) { return phase.name == "select" || phase.name == "teardown"; }

}  // namespace

core::Verdict snapshot_verdict_of(const DrillReport& report) {
  std::vector<core::CheckVerdict> verdicts;
  core::Coverage coverage;
  if (report.verification) {
    for (const core::Check& check : report.verification->checks) verdicts.push_back(check.verdict);
    coverage = report.verification->coverage;
  }
  bool proven = false;
  for (const Phase& phase : report.phases) {
    if (!is_of_the_night(phase)) verdicts.push_back(phase.verdict);
    if (phase.name == "prove") proven = phase.verdict == core::CheckVerdict::pass;
  }
  const core::Verdict verdict = core::derive_verdict(verdicts, coverage);
  // A drill that never came to compare the objects has proven nothing, whatever its other phases say.
  return verdict == core::Verdict::pass && !proven ? core::Verdict::inconclusive : verdict;
}

core::Verdict verdict_of(const DrillReport& report) {
  core::Verdict verdict = snapshot_verdict_of(report);
  const auto hold = [&](const std::optional<std::chrono::nanoseconds>& objective,
                        const std::optional<std::chrono::nanoseconds>& measured) {
    if (objective)
      verdict = core::worse(verdict, !measured                ? core::Verdict::inconclusive
                                     : *measured > *objective ? core::Verdict::fail
                                                              : core::Verdict::pass);
  };
  hold(report.objectives.rto, report.rto);
  hold(report.objectives.rpo, report.rpo);
  for (const Phase& phase : report.phases)
    if (is_of_the_night(phase)) verdict = core::worse(verdict, core::derive_verdict({phase.verdict}, {}));
  return verdict;
}

}  // namespace drill
