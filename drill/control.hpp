// The negative control: the same drill on a damaged twin of the snapshot, which must fail. A drill that would pass it
// proves nothing, so it is done every night, beside the watch over the restored control plane.
// The twin is checked by what it holds, without the hash of the capture: that would tell it from the original at once.
#pragma once

#include <chrono>
#include <string>

#include "core/finding.hpp"
#include "drill/candidate.hpp"
#include "drill/engine/engine.hpp"
#include "drill/fault.hpp"
#include "verifier/verify.hpp"

namespace drill {

struct Control {
  Fault fault = Fault::flipped_bytes;
  /// pass: the twin failed, as it had to. could_not_run: it passed, or could not be drilled; then the night proves
  /// nothing.
  core::CheckVerdict verdict = core::CheckVerdict::skipped;
  std::string caught_by;  // the phase that failed; empty when none did
  std::string message;    // what it said, or why there is no verdict
  std::vector<std::string> leftovers;
};

/// `material` is the snapshot that was restored, without a -wal, and `snapshot` what was found in it. The twin gets a
/// sandbox of its own, with `caps`. Throws: cancelled.
Control run_control(Fault fault, const Material& material, const verifier::Verification& snapshot,
                    const EngineChoice& engine, const Caps& caps, std::chrono::milliseconds ready_timeout);

}  // namespace drill
