#include "restorer/outcome.hpp"

namespace restorer {

core::Verdict verdict_of(const Outcome& outcome) {
  core::Verdict verdict = core::Verdict::pass;
  for (const Step& step : outcome.steps) {
    if (step.verdict == core::CheckVerdict::fail) verdict = core::Verdict::fail;
    if (step.verdict == core::CheckVerdict::could_not_run) verdict = core::worse(verdict, core::Verdict::inconclusive);
  }
  return verdict;
}

}  // namespace restorer
