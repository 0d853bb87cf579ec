#include "restorer/steps.hpp"

#include <exception>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"

namespace restorer {

using core::CheckVerdict;

bool run_step(const Planned& planned, Outcome& outcome) {
  core::log_info(planned.title);
  core::show_progress("restore: " + planned.name);
  outcome.steps.push_back({planned.name, planned.title, planned.lines, CheckVerdict::pass, {}, {}});
  Step& step = outcome.steps.back();
  bool cancelled = false;
  const core::Stopwatch watch;
  try {
    planned.work(step);
    if (step.verdict == CheckVerdict::pass && !step.passed()) step.verdict = CheckVerdict::could_not_run;
  } catch (const std::exception& error) {
    const auto* known = dynamic_cast<const core::Error*>(&error);
    const bool damaged = known != nullptr && known->kind() == core::ErrorKind::damaged;
    cancelled = known != nullptr && known->kind() == core::ErrorKind::cancelled;
    step.verdict = damaged ? CheckVerdict::fail : CheckVerdict::could_not_run;
    step.add(core::Severity::error, error.what());
  }
  step.duration = watch.elapsed();
  return step.verdict == CheckVerdict::pass || (planned.on_failure == OnFailure::go_on && !cancelled);
}

void say_unflushed(Node& node, Step& step) {
  if (const std::string unflushed = node.take_unflushed(); !unflushed.empty())
    step.add(core::Severity::warning, "not flushed to disk, so a power cut now may lose it: " + unflushed);
}

void show_steps(const std::vector<Planned>& planned, Outcome& outcome) {
  for (const Planned& one : planned)
    outcome.steps.push_back({one.name, one.title, one.lines, CheckVerdict::skipped, {}, {}});
}

}  // namespace restorer
