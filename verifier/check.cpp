#include "verifier/check.hpp"

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
  std::uint64_t& count = finding.severity == core::Severity::error ? errors_ : warnings_;
  if (++count <= kShownFindings) check_.findings.push_back(std::move(finding));
}

void CheckBuilder::skip(std::string reason) {
  warning(std::move(reason));
  check_.verdict = core::CheckVerdict::skipped;
}

void CheckBuilder::close() {
  const auto summarise = [&](core::Severity severity, std::uint64_t count) {
    if (count <= kShownFindings) return;
    check_.findings.push_back({severity, fmt::format("... and {} more", count - kShownFindings), {}, {}});
  };
  summarise(core::Severity::error, errors_);
  summarise(core::Severity::warning, warnings_);
  if (errors_ > 0) {
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
      stopped_ = true;
      warning(std::string("could not run to its end: ") + failure.what());
    }
  } catch (const std::exception& failure) {
    stopped_ = true;
    warning(std::string("could not run to its end: ") + failure.what());
  }
  close();
  check_.duration = stopwatch.elapsed();
  return std::move(check_);
}

}  // namespace verifier
