// A verdict, and the one place where it is derived: any failing finding is fail; else anything that could not run, or
// incomplete coverage, is inconclusive; else pass. A skipped check is named in its list and is never what makes a pass.
// What it does not do: know what was checked (verifier/verdict.hpp, drill/verdict.hpp).
#pragma once

#include <string_view>
#include <vector>

#include "core/finding.hpp"

namespace core {

enum class Verdict { pass, fail, inconclusive };

std::string_view to_string(Verdict verdict);

/// The contract's exit code: 0, 1, 3.
int exit_code(Verdict verdict);

/// The worse of two: fail, then inconclusive, then pass.
Verdict worse(Verdict a, Verdict b);

Verdict derive_verdict(const std::vector<CheckVerdict>& verdicts, const Coverage& coverage);

}  // namespace core
