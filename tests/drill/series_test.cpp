// What the timestamps of a series say: whether pulls have stopped, and where some are missing.
#include "drill/series.hpp"

#include "core/clock.hpp"
#include "store/retention.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using core::CheckVerdict;
using core::UtcTime;

namespace {

using Timestamps = std::vector<UtcTime>;

UtcTime at(std::string_view text) { return *core::parse_compact(text); }

// The nightly drill after a series that began on a Tuesday.
const UtcTime kNight = at("20261124T024000Z");

// One every `step`, the last one before `end`.
Timestamps every(std::chrono::minutes step, int count, UtcTime end = kNight - 23min) {
  Timestamps timestamps;
  for (int i = count - 1; i >= 0; --i) timestamps.push_back(end - step * i);
  return timestamps;
}

// Without those between the two.
Timestamps without(Timestamps timestamps, UtcTime from, UtcTime to) {
  std::erase_if(timestamps, [&](UtcTime timestamp) { return timestamp > from && timestamp < to; });
  return timestamps;
}

// What is left of them when the rules have been applied after each, as after each pull. Of each day the first one is
// what the others are patches on.
Timestamps retained(const Timestamps& pulled, const store::RetentionRules& rules) {
  std::vector<store::Snapshot> kept;
  for (const UtcTime timestamp : pulled) {
    store::Snapshot snapshot;
    snapshot.manifest.name = core::format_compact(timestamp);
    snapshot.manifest.taken_at = timestamp;
    for (const store::Snapshot& earlier : kept) {
      const bool same_day = std::chrono::floor<std::chrono::days>(earlier.manifest.taken_at) ==
                            std::chrono::floor<std::chrono::days>(timestamp);
      if (same_day && earlier.manifest.database.base.empty()) snapshot.manifest.database.base = earlier.manifest.name;
    }
    kept.push_back(snapshot);
    const std::vector<store::RetentionDecision> decisions = store::decide_retention(kept, rules, core::UtcTime::max());
    for (std::size_t i = kept.size(); i-- > 0;)
      if (decisions[i].action == store::Retention::remove) kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
  }
  Timestamps timestamps;
  for (const store::Snapshot& snapshot : kept) timestamps.push_back(snapshot.manifest.taken_at);
  return timestamps;
}

std::string text_of(const std::vector<drill::Hole>& holes) {
  std::string text;
  for (const drill::Hole& hole : holes)
    text += core::format_compact(hole.from) + " to " + core::format_compact(hole.to) + ": " +
            std::to_string(hole.missing) + "\n";
  return text;
}

std::vector<drill::Candidate> candidates_of(const Timestamps& timestamps) {
  std::vector<drill::Candidate> candidates;
  for (auto timestamp = timestamps.rbegin(); timestamp != timestamps.rend(); ++timestamp) {
    drill::Candidate candidate;
    candidate.name = "edge/" + core::format_compact(*timestamp);
    candidate.taken_at = *timestamp;
    candidates.push_back(candidate);
  }
  return candidates;
}

}  // namespace

TEST_CASE("a series without a hole says nothing, whatever its rhythm, its length and the hour of the drill") {
  const std::chrono::minutes step = GENERATE(as<std::chrono::minutes>(), 5min, 15min, 60min, 360min, 1440min);
  const int count = GENERATE(1, 2, 3, 5, 30, 200);
  for (const std::chrono::minutes after : {0min, 1min, 23min, 59min}) {
    const Timestamps timestamps = every(step, count, kNight - std::min(after, step));
    INFO(step.count() << " min, " << count);
    CHECK(text_of(drill::find_holes(timestamps, kNight)).empty());
  }
}

TEST_CASE("pulls that begin late, by summer time or a slow node, leave no hole") {
  Timestamps timestamps = every(60min, 100);
  for (std::size_t i = 0; i < timestamps.size(); ++i) timestamps[i] += std::chrono::minutes((i * 7) % 20);
  CHECK(text_of(drill::find_holes(timestamps, kNight)).empty());
  Timestamps days = every(1440min, 20);
  for (std::size_t i = 12; i < days.size(); ++i) days[i] += 1h;
  CHECK(text_of(drill::find_holes(days, kNight + 1h)).empty());
}

TEST_CASE("what retention has made sparse is no hole, by any rules, at any hour") {
  store::RetentionRules rules;
  switch (GENERATE(0, 1, 2, 3, 4)) {
    case 0:
      rules.last = 24;
      rules.daily = 31;
      break;
    case 1:
      rules.hourly = 48;
      rules.daily = 31;
      rules.monthly = 12;
      break;
    case 2:
      rules.hourly = 24;
      rules.daily = 7;
      rules.weekly = 5;
      break;
    case 3:
      rules.for_duration = 50h;
      rules.weekly = 10;
      break;
    default:
      rules.daily = 14;
      break;
  }
  const std::chrono::minutes step = GENERATE(as<std::chrono::minutes>(), 20min, 60min, 360min);
  const int count = static_cast<int>(20 * 24h / step);
  for (int hour = 0; hour < 30; hour += 3) {
    const UtcTime newest = kNight - 23min + std::chrono::hours(hour);
    const Timestamps timestamps = retained(every(step, count, newest), rules);
    INFO(hour << " h, " << step.count() << " min, " << timestamps.size() << " kept");
    CHECK(text_of(drill::find_holes(timestamps, newest + 10min)).empty());
  }
}

TEST_CASE("hours without a snapshot are one hole each, with what is missing") {
  const UtcTime from = kNight - 23min - 20h;
  const auto holes = drill::find_holes(without(every(60min, 100), from, from + 5h), kNight);
  REQUIRE(holes.size() == 1);
  CHECK(holes[0].from == from);
  CHECK(holes[0].to == from + 5h);
  CHECK(holes[0].missing == 4);
  CHECK(holes[0].rhythm == 1h);
  CHECK(drill::find_holes(without(every(60min, 100), from, from + 2h), kNight).size() == 1);
  Timestamps two = without(every(60min, 100), from, from + 5h);
  two = without(two, from + 10h, from + 13h);
  CHECK(text_of(drill::find_holes(two, kNight)) == text_of(holes) + "20261123T161700Z to 20261123T191700Z: 2\n");
}

TEST_CASE("a hole is held against the rhythm of its own series") {
  const UtcTime newest = kNight - 23min;
  CHECK(drill::find_holes(without(every(360min, 40), newest - 24h, newest - 12h), kNight).at(0).missing == 1);
  CHECK(drill::find_holes(without(every(1440min, 20), newest - 96h, newest - 48h), kNight).at(0).missing == 1);
  CHECK(drill::find_holes(without(every(15min, 400), newest - 20h, newest - 17h), kNight).at(0).missing == 2);
}

TEST_CASE("a hole is seen on the night after, also where retention keeps few hours") {
  store::RetentionRules rules;
  rules.hourly = GENERATE(24, 48);
  rules.daily = 7;
  const UtcTime newest = kNight - 23min;
  for (int hour = 3; hour <= 17; ++hour) {
    const UtcTime from = newest - std::chrono::hours(hour);
    const Timestamps timestamps = retained(without(every(60min, 24 * 12), from - 3h, from), rules);
    INFO(hour);
    CHECK(drill::find_holes(timestamps, kNight).size() == 1);
  }
}

TEST_CASE("a series that has no newer snapshot has a hole at its end, until now") {
  const auto holes = drill::find_holes(every(60min, 100, kNight - 7h), kNight);
  REQUIRE(holes.size() == 1);
  CHECK(holes[0].to == kNight);
  CHECK(holes[0].missing == 6);
}

TEST_CASE("a series that rests at night and at the weekend has no hole, and one by day it has") {
  Timestamps timestamps;
  for (UtcTime day = at("20261026T000000Z"); day < at("20261124T000000Z"); day += 24h)
    for (int hour = 8; hour <= 18; ++hour)
      if (std::chrono::weekday(std::chrono::floor<std::chrono::days>(day)).iso_encoding() < 6)
        timestamps.push_back(day + std::chrono::hours(hour) + 17min);
  CHECK(text_of(drill::find_holes(timestamps, kNight)).empty());
  CHECK(text_of(drill::find_holes(without(timestamps, at("20261123T141700Z"), at("20261123T171700Z")), kNight)) ==
        "20261123T141700Z to 20261123T171700Z: 2\n");
}

TEST_CASE("pulls by hand, minutes apart, are no rhythm") {
  Timestamps timestamps = every(360min, 40);
  const UtcTime noon = timestamps[36] + 10min;
  for (int i = 0; i < 9; ++i) timestamps.push_back(noon + std::chrono::minutes(2 * i));
  std::sort(timestamps.begin(), timestamps.end());
  CHECK(text_of(drill::find_holes(timestamps, kNight)).empty());
  Timestamps first;
  for (int i = 0; i < 9; ++i) first.push_back(kNight - 12h + std::chrono::minutes(2 * i));
  CHECK(text_of(drill::find_holes(first, kNight)).empty());
}

TEST_CASE("a hole of more than a week ago is told no more") {
  const UtcTime from = kNight - 23min - 24h * 8;
  CHECK(drill::find_holes(without(every(60min, 400), from, from + 5h), kNight).empty());
}

TEST_CASE("a newest snapshot that is older than it may be is an error that says what it means and the cure") {
  const auto check = [](std::chrono::minutes age) {
    return drill::check_series(candidates_of(every(60min, 50, kNight - age)), kNight, 26h);
  };
  CHECK(check(26h).verdict == CheckVerdict::pass);
  const core::Check stale = check(26h + 1min);
  CHECK(stale.verdict == CheckVerdict::fail);
  REQUIRE(stale.findings.size() == 1);
  CHECK(stale.findings[0].severity == core::Severity::error);
  CHECK_THAT(stale.findings[0].message, Catch::Contains("edge/20261123T003900Z, is 26 h 1 min old") &&
                                            Catch::Contains("pulls have stopped") && Catch::Contains("cron") &&
                                            Catch::Contains("drill pull edge"));
  CHECK(check(23min).findings.empty());
}

TEST_CASE("a hole is a warning with its ends and how many are missing, and no failure") {
  const UtcTime from = kNight - 23min - 20h;
  const core::Check check =
      drill::check_series(candidates_of(without(every(60min, 100), from, from + 5h)), kNight, 26h);
  CHECK(check.verdict == CheckVerdict::pass);
  REQUIRE(check.findings.size() == 1);
  CHECK(check.findings[0].severity == core::Severity::warning);
  CHECK_THAT(check.findings[0].message,
             Catch::Contains("from 2026-11-23 06:17 to 2026-11-23 11:17 UTC: 4 are missing") &&
                 Catch::Contains("one every hour"));
}

TEST_CASE("a newest snapshot of the future is no pass: nothing says how old it is") {
  Timestamps timestamps = every(60min, 10);
  timestamps.push_back(kNight + 3h);
  const core::Check check = drill::check_series(candidates_of(timestamps), kNight, 26h);
  CHECK(check.verdict == CheckVerdict::could_not_run);
  CHECK_THAT(check.findings.at(0).message, Catch::Contains("clock"));
}

TEST_CASE("plain files have no times, and nothing is said of them") {
  const drill::Candidate file;
  CHECK(drill::check_series({file}, kNight, 26h).findings.empty());
  CHECK(drill::check_series({}, kNight, 26h).verdict == CheckVerdict::pass);
}
