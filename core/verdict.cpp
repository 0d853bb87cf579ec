#include "core/verdict.hpp"

#include <algorithm>

namespace core {

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

Verdict derive_verdict(const std::vector<CheckVerdict>& verdicts, const Coverage& coverage) {
  const auto any = [&](CheckVerdict one) { return std::find(verdicts.begin(), verdicts.end(), one) != verdicts.end(); };
  if (any(CheckVerdict::fail)) return Verdict::fail;
  if (any(CheckVerdict::could_not_run) || !coverage.complete()) return Verdict::inconclusive;
  return any(CheckVerdict::pass) ? Verdict::pass : Verdict::inconclusive;
}

}  // namespace core
