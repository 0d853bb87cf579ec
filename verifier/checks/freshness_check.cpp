#include "verifier/checks/freshness_check.hpp"

#include <fmt/format.h>

namespace verifier {

void check_freshness(std::optional<core::UtcTime> newest_change, std::optional<core::UtcTime> taken_at,
                     core::UtcTime now, CheckBuilder& check) {
  if (!taken_at) return check.skip("skipped: no time of capture was given", core::Severity::note);
  if (!newest_change) return check.skip("skipped: no object inside says when it changed");
  if (*taken_at > now + kAhead)
    return check.skip(
        fmt::format("skipped: it is dated {} later than this machine's clock, so what its date says is not known",
                    core::format_duration(*taken_at - now)));
  const std::chrono::nanoseconds age = *taken_at - *newest_change;
  const std::string times = fmt::format("the newest change inside is of {}, the file was captured at {}",
                                        core::format_rfc3339(*newest_change), core::format_rfc3339(*taken_at));
  if (age > kFrozen)
    return check.error(
        fmt::format("{}: {} in which nothing changed. k3s was down, this is a copy of an earlier day, or a clock was "
                    "wrong: drill doctor compares the two",
                    times, core::format_duration(age)));
  if (age > kQuiet)
    return check.warning(fmt::format("{}: {} in which nothing changed", times, core::format_duration(age)));
  if (age < -kQuiet)
    return check.warning(fmt::format("{}: the two clocks are {} apart", times, core::format_duration(-age)));
  check.note(fmt::format("the newest change inside is {} older than the capture",
                         core::format_duration(std::max(age, std::chrono::nanoseconds(0)))));
}

}  // namespace verifier
