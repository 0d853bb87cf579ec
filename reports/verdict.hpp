// The one place where a verdict is derived: any failing finding is fail; else anything that could not run, or
// incomplete coverage, is inconclusive; else pass. A skipped check is named in its list and is never what makes a pass.
#pragma once

#include <string_view>
#include <vector>

#include "core/finding.hpp"
#include "drill/drill.hpp"
#include "verifier/verify.hpp"

namespace reports {

struct PullOutcome;  // reports/json.hpp

enum class Verdict { pass, fail, inconclusive };

std::string_view to_string(Verdict verdict);

/// The contract's exit code: 0, 1, 3.
int exit_code(Verdict verdict);

/// The worse of two: fail, then inconclusive, then pass.
Verdict worse(Verdict a, Verdict b);

/// One that was not pulled is inconclusive, as is one after which retention failed; one that is of another cluster than
/// its series is a fail.
Verdict verdict_of(const PullOutcome& outcome);

Verdict verdict_of(const verifier::Verification& verification);

/// A missed objective is a fail; an objective that is set but was not measured is inconclusive.
Verdict verdict_of(const drill::DrillReport& report);

/// What the drill proved about the snapshot it restored: the same without objectives, without the age of the newest
/// snapshot and the newer ones that did not verify, and without what the drill left behind.
Verdict snapshot_verdict_of(const drill::DrillReport& report);

}  // namespace reports
