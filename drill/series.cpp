#include "drill/series.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/mutation.hpp"

namespace drill {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::days kWindow{7};
constexpr std::chrono::hours kFinest{1};  // of a series that is denser, an hour without a snapshot is none
constexpr std::size_t kGapsBefore = 5;    // that tell the rhythm, or as many as it takes to span
constexpr int kEvidence = 3;              // times the finest rhythm; and the rhythm that they tell
constexpr double kTooLong = 1.75;         // times the rhythm: pulls do not begin on the second

struct Gap {
  core::UtcTime from;
  core::UtcTime to;

  nanoseconds length() const { return to - from; }
};

std::vector<Gap> gaps_of(const std::vector<core::UtcTime>& timestamps, core::UtcTime now) {
  std::vector<Gap> gaps;
  for (std::size_t i = 0; i < timestamps.size(); ++i) {
    const core::UtcTime next = i + 1 < timestamps.size() ? timestamps[i + 1] : std::max(now, timestamps[i]);
    gaps.push_back({timestamps[i], next});
  }
  return gaps;
}

// The length of gap that half of the time before gap `index` lies in or below: neither some pulls by hand, a minute
// apart, nor one outage make a rhythm. By the gaps before alone, as retention makes a series sparser with its age.
// Zero where there is too little to go by.
nanoseconds rhythm_before(const std::vector<Gap>& gaps, std::size_t index) {
  std::vector<nanoseconds> lengths;
  nanoseconds whole{0};
  for (std::size_t i = index; i-- > 0 && (lengths.size() < kGapsBefore || whole < kEvidence * kFinest);) {
    lengths.push_back(gaps[i].length());
    whole += lengths.back();
  }
  std::sort(lengths.begin(), lengths.end());
  nanoseconds so_far{0};
  for (const nanoseconds length : lengths) {
    so_far += length;
    if (2 * so_far < whole) continue;
    const nanoseconds rhythm = std::max<nanoseconds>(length, kFinest);
    return whole >= kEvidence * rhythm ? rhythm : nanoseconds(0);
  }
  return nanoseconds(0);
}

// Whether an earlier day of the week before has a gap at the same time, as long as this one.
bool is_habit(const std::vector<Gap>& gaps, std::size_t index, nanoseconds rhythm) {
  const Gap& gap = gaps[index];
  const nanoseconds tolerance = rhythm / 2;
  const auto near = [&](core::UtcTime a, core::UtcTime b) { return std::chrono::abs(a - b) <= tolerance; };
  const bool open = index + 1 == gaps.size();  // it may grow to the length of the earlier one yet
  for (std::size_t i = 0; i < index; ++i)
    for (std::chrono::days back{1}; back <= kWindow; ++back)
      if (near(gaps[i].from, gap.from - back) &&
          (near(gaps[i].to, gap.to - back) || (open && gaps[i].to > gap.to - back)))
        return true;
  return false;
}

// "2026-11-28 03:17"
std::string minute_of(core::UtcTime time) {
  std::string text = core::format_rfc3339(std::chrono::floor<std::chrono::minutes>(time)).substr(0, 16);
  text.replace(10, 1, " ");
  return text;
}

std::string hole_text(const Hole& hole, core::UtcTime now) {
  const auto hours = std::chrono::round<std::chrono::hours>(hole.rhythm).count();
  return fmt::format(
      "no snapshot {} {}{} UTC: {} missing in a series of one every {}. journalctl -t k3s-state-snapshot says why",
      hole.to == now ? "since" : "from", minute_of(hole.from), hole.to == now ? "" : " to " + minute_of(hole.to),
      hole.missing == 1 ? "1 is" : fmt::format("{} are", hole.missing),
      hours == 1 ? "hour" : fmt::format("{} h", hours));
}

void say(core::Check& check, core::Severity severity, std::string message) {
  check.findings.push_back({severity, std::move(message), {}, {}});
}

}  // namespace

std::vector<Hole> find_holes(const std::vector<core::UtcTime>& timestamps, core::UtcTime now) {
  std::vector<Hole> holes;
  const std::vector<Gap> gaps = gaps_of(timestamps, now);
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    if (gaps[i].to < now - kWindow) continue;
    const nanoseconds rhythm = rhythm_before(gaps, i);
    if (rhythm.count() == 0) continue;
    const double times = static_cast<double>(gaps[i].length().count()) / static_cast<double>(rhythm.count());
    if (times < kTooLong || is_habit(gaps, i, rhythm)) continue;
    holes.push_back({gaps[i].from, gaps[i].to, static_cast<std::size_t>(times + 0.5) - 1, rhythm});
  }
  return holes;
}

core::Check check_series(const std::vector<Candidate>& candidates, core::UtcTime now, nanoseconds stale_after) {
  core::Check check{"series", core::CheckVerdict::pass, {}, {}};
  if (candidates.empty() || !candidates.front().taken_at) return check;
  const std::string& newest = candidates.front().name;
  const nanoseconds age = now - *candidates.front().taken_at;
  if (age < -kClocks) {
    check.verdict = core::CheckVerdict::could_not_run;
    say(check, core::Severity::error,
        fmt::format("{} is dated {} later than this machine's clock, so its age is not known: set the clock, or pull "
                    "again if the clock was wrong when it was taken",
                    newest, core::format_duration(-age)));
  } else if (age > stale_after && !core::mutated("run-any-age")) {
    check.verdict = core::CheckVerdict::fail;
    say(check, core::Severity::error,
        fmt::format("the newest snapshot, {}, is {} old (stale_after: {}): pulls have stopped, and what changed since "
                    "would be lost. Look at cron, and run drill pull {}",
                    newest, core::format_duration(age), core::format_duration(stale_after),
                    newest.substr(0, newest.find('/'))));
  }
  std::vector<core::UtcTime> timestamps;
  for (auto candidate = candidates.rbegin(); candidate != candidates.rend(); ++candidate)
    if (candidate->taken_at && *candidate->taken_at <= now + kClocks) timestamps.push_back(*candidate->taken_at);
  std::sort(timestamps.begin(), timestamps.end());  // a clock that was put back turns them
  for (const Hole& hole : find_holes(timestamps, now))
    if (hole.to != now || check.verdict == core::CheckVerdict::pass)
      say(check, core::Severity::warning, hole_text(hole, now));
  return check;
}

}  // namespace drill
