#include "verifier/verdict.hpp"

namespace verifier {

core::Verdict verdict_of(const Verification& verification) {
  std::vector<core::CheckVerdict> verdicts;
  for (const core::Check& check : verification.checks) verdicts.push_back(check.verdict);
  return core::derive_verdict(verdicts, verification.coverage);
}

}  // namespace verifier
