// Time: UTC times for what is written down, a monotonic stopwatch for what is measured.
// Durations of phases never come from the wall clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace core {

using UtcTime = std::chrono::sys_time<std::chrono::nanoseconds>;

UtcTime utc_now();

/// "20261123T231700Z": the name of a snapshot; whole seconds.
std::string format_compact(UtcTime time);
std::optional<UtcTime> parse_compact(std::string_view text);

/// RFC 3339 in UTC, whole seconds or with the fraction given: "2026-11-23T23:17:00Z".
std::string format_rfc3339(UtcTime time);
/// Accepts a fraction and an offset ("Z", "+01:00"). Empty for anything else.
std::optional<UtcTime> parse_rfc3339(std::string_view text);

class Stopwatch {
 public:
  std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Seconds as a number, for a field named *_seconds; rounded to microseconds.
double to_seconds(std::chrono::nanoseconds duration);

/// "1.42 s", "3 min 20 s", "2 h 5 min": for people.
std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace core
