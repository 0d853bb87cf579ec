#include "verifier/checks/check.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace verifier {
namespace {

constexpr std::uint64_t kShownFindings = 20;

}  // namespace

void CheckBuilder::add(core::Finding finding) {
  if (++counts_[static_cast<std::size_t>(finding.severity)] <= kShownFindings)
    check_.findings.push_back(std::move(finding));
}

void CheckBuilder::skip(std::string reason, core::Severity severity) {
  add({severity, std::move(reason), {}, {}});
  check_.verdict = core::CheckVerdict::skipped;
}

void CheckBuilder::stop(std::string reason) {
  stopped_ = true;
  warning("could not run to its end: " + std::move(reason));
}

void CheckBuilder::close() {
  for (const core::Severity severity : {core::Severity::error, core::Severity::warning, core::Severity::note}) {
    const std::uint64_t count = counts_[static_cast<std::size_t>(severity)];
    if (count > kShownFindings)
      check_.findings.push_back({severity, fmt::format("... and {} more", count - kShownFindings), {}, {}});
  }
  if (counts_[static_cast<std::size_t>(core::Severity::error)] > 0) {
    check_.verdict = core::CheckVerdict::fail;
  } else if (stopped_) {
    check_.verdict = core::CheckVerdict::could_not_run;
  }
}

core::Check CheckBuilder::run(const std::function<void(CheckBuilder&)>& work) && {
  const core::Stopwatch stopwatch;
  try {
    work(*this);
  } catch (const core::Error& failure) {
    if (failure.kind() == core::ErrorKind::cancelled) throw;
    if (failure.kind() == core::ErrorKind::damaged) {
      error(failure.what());
    } else {
      stop(failure.what());
    }
  } catch (const std::exception& failure) {
    stop(failure.what());
  }
  close();
  check_.duration = stopwatch.elapsed();
  return std::move(check_);
}

}  // namespace verifier
