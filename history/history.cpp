#include "history/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/counted.hpp"
#include "core/printable.hpp"
#include "history/change_point.hpp"

namespace history {
namespace {

constexpr std::array<const char*, 7> kSubjects{"rto", "start", "datastore", "bootstrap", "ready", "list", "prove"};
constexpr std::size_t kRecent = 30;
constexpr std::size_t kWeek = 7;
constexpr std::size_t kWindow = 90;      // restores that changes are looked for in, and predictions made from
constexpr double kGrowth = 1.25;         // of size or objects, to be a cause
constexpr std::size_t kSideOfCause = 5;  // drills on each side whose size is compared

std::optional<double> seconds_of(const DrillRecord& record, std::string_view subject) {
  if (!record.restored()) return std::nullopt;
  if (subject == "rto") return record.rto_seconds;
  const auto found = record.phases.find(std::string(subject));
  return found == record.phases.end() ? std::nullopt : std::optional(found->second);
}

// One subject over the restores that can be compared: their numbers in the list of records, and seconds.
struct Series {
  std::vector<std::size_t> records;
  std::vector<double> seconds;
};

Series series_of(const std::vector<DrillRecord>& records, std::string_view subject, std::string_view engine) {
  Series series;
  for (std::size_t i = records.size(); i-- > 0 && series.records.size() < kWindow;) {
    const std::optional<double> seconds = seconds_of(records[i], subject);
    if (!seconds || records[i].engine != engine) continue;
    series.records.push_back(i);
    series.seconds.push_back(*seconds);
  }
  std::reverse(series.records.begin(), series.records.end());
  std::reverse(series.seconds.begin(), series.seconds.end());
  return series;
}

std::string newest_engine(const std::vector<DrillRecord>& records) {
  for (auto record = records.rbegin(); record != records.rend(); ++record)
    if (record->restored()) return record->engine;
  return {};
}

std::vector<double> last(const std::vector<double>& values, std::size_t count) {
  return {values.end() - static_cast<std::ptrdiff_t>(std::min(count, values.size())), values.end()};
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median_slope(const std::vector<double>& values) {
  std::vector<double> slopes;
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = i + 1; j < values.size(); ++j)
      slopes.push_back((values[j] - values[i]) / static_cast<double>(j - i));
  return median(std::move(slopes));
}

Trend trend_of(std::string_view subject, const Series& series) {
  const std::vector<double> week = last(series.seconds, kWeek);
  const std::vector<double> recent = last(series.seconds, kRecent);
  return {std::string(subject), series.seconds.size(), mean(week),          median(week),
          mean(recent),         median(recent),        median_slope(recent)};
}

// "3 November", with the year where it is not that of the newest drill.
std::string day(core::UtcTime time, core::UtcTime newest) {
  constexpr std::array<const char*, 12> kMonths{"January", "February", "March",     "April",   "May",      "June",
                                                "July",    "August",   "September", "October", "November", "December"};
  const auto date = [](core::UtcTime at) {
    return std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(at));
  };
  const std::string text = fmt::format("{} {}", static_cast<unsigned>(date(time).day()),
                                       kMonths.at(static_cast<unsigned>(date(time).month()) - 1));
  return date(time).year() == date(newest).year() ? text
                                                  : fmt::format("{} {}", text, static_cast<int>(date(time).year()));
}

// What differs between the last drill of before and the first of after; what is larger, over a few on either side.
std::string cause_of(const std::vector<DrillRecord>& records, const Series& series, std::size_t at) {
  const DrillRecord& before = records[series.records[at - 1]];
  const DrillRecord& after = records[series.records[at]];
  std::vector<std::string> causes;
  if (before.engine_version != after.engine_version)
    causes.push_back(fmt::format("{} went from {} to {}", core::printable(after.engine),
                                 core::printable(before.engine_version), core::printable(after.engine_version)));
  if (before.cpu_count != after.cpu_count)
    causes.push_back(fmt::format("the host went from {} to {}", core::counted(before.cpu_count, "CPU"),
                                 core::counted(after.cpu_count, "CPU")));
  if (before.drill_version != after.drill_version)
    causes.push_back(fmt::format("drill went from {} to {}", core::printable(before.drill_version),
                                 core::printable(after.drill_version)));
  std::vector<double> old_sizes;
  std::vector<double> new_sizes;
  for (std::size_t i = at - std::min(at, kSideOfCause); i < std::min(at + kSideOfCause, series.records.size()); ++i)
    (i < at ? old_sizes : new_sizes).push_back(static_cast<double>(records[series.records[i]].size.objects));
  const double less = median(old_sizes);
  const double more = median(new_sizes);
  if (std::max(less, more) > kGrowth * std::min(less, more))
    causes.push_back(fmt::format("the cluster went from {:.0f} to {:.0f} objects", less, more));
  return fmt::format("{}", fmt::join(causes, ", "));
}

Change change_of(const std::vector<DrillRecord>& records, std::string_view subject, const Series& series,
                 const Step& step) {
  Change change;
  change.phase = subject;
  change.before = step.before;
  change.after = step.after;
  const std::size_t first = series.records[step.first_after];
  change.last_before = records[series.records[step.first_after - 1]].started_at;
  change.since = records[first].started_at;
  change.drills_since = records.size() - first;
  change.cause = cause_of(records, series, step.first_after);
  change.message =
      fmt::format("{} took {:.1f} s on average until {}, {:.1f} s since", subject == "rto" ? "the restore" : subject,
                  step.before, day(change.last_before, records.back().started_at), step.after);
  if (!change.cause.empty()) change.message += fmt::format("; likely because {}", change.cause);
  return change;
}

Accuracy accuracy_of(const std::vector<DrillRecord>& records) {
  Accuracy accuracy;
  std::size_t within = 0;
  double errors = 0;
  for (const DrillRecord& record : records) {
    const std::optional<Score> scored = score(record);
    if (!scored) continue;
    ++accuracy.scored;
    errors += std::abs(scored->error_ratio);
    within += scored->band == Score::Band::within ? 1 : 0;
  }
  if (accuracy.scored == 0) return accuracy;
  accuracy.mean_absolute_error_ratio = errors / static_cast<double>(accuracy.scored);
  accuracy.within_share = static_cast<double>(within) / static_cast<double>(accuracy.scored);
  return accuracy;
}

}  // namespace

DrillHistory read_history(const std::vector<std::string>& lines) {
  DrillHistory history;
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    if (std::optional<DrillRecord> record = record_from_line(line)) {
      history.records.push_back(std::move(*record));
    } else {
      ++history.broken_lines;
    }
  }
  return history;
}

void add_drill(DrillHistory& history, DrillRecord record) {
  record.predicted = predict_next(history.records, record);
  history.records.push_back(std::move(record));
}

void assess(DrillHistory& history) {
  const std::vector<DrillRecord>& records = history.records;
  const std::size_t recent = std::min(kRecent, records.size());
  const auto recent_with = [&](std::string_view verdict) {
    return static_cast<std::size_t>(std::count_if(records.end() - static_cast<std::ptrdiff_t>(recent), records.end(),
                                                  [&](const DrillRecord& one) { return one.verdict == verdict; }));
  };
  history.passed_of_last_30 = recent_with("pass");
  history.inconclusive_of_last_30 = recent_with("inconclusive");
  history.trends.clear();
  history.changes.clear();
  const std::string engine = newest_engine(records);
  for (const char* subject : kSubjects) {
    const Series series = series_of(records, subject, engine);
    if (series.seconds.empty()) continue;
    history.trends.push_back(trend_of(subject, series));
    for (const Step& step : find_steps(series.seconds))
      history.changes.push_back(change_of(records, subject, series, step));
  }
  std::stable_sort(history.changes.begin(), history.changes.end(),
                   [](const Change& a, const Change& b) { return a.since < b.since; });
  history.accuracy = accuracy_of(records);
}

std::optional<Prediction> predict_next(const std::vector<DrillRecord>& earlier, const DrillRecord& record) {
  std::vector<TimedDrill> drills;
  if (record.size.size_bytes == 0) return std::nullopt;
  const Series series = series_of(earlier, "rto", record.engine);
  const std::vector<Step> steps = find_steps(series.seconds);
  for (std::size_t i = steps.empty() ? 0 : steps.back().first_after; i < series.records.size(); ++i) {
    const DrillRecord& drill = earlier[series.records[i]];
    if (drill.cpu_count == record.cpu_count && drill.size.size_bytes > 0)
      drills.push_back({drill.size, series.seconds[i]});
  }
  return predict(drills, record.size);
}

std::optional<Score> score(const DrillRecord& record) {
  if (!record.predicted || !record.rto_seconds || record.predicted->seconds <= 0) return std::nullopt;
  Score result{*record.rto_seconds / record.predicted->seconds - 1, Score::Band::within};
  if (!std::isfinite(result.error_ratio)) return std::nullopt;
  if (*record.rto_seconds < record.predicted->low_seconds || *record.rto_seconds > record.predicted->high_seconds)
    result.band = Score::Band::outside;
  return result;
}

std::vector<std::string> warnings(const DrillHistory& history) {
  std::vector<std::string> messages;
  if (history.records.empty()) return messages;
  const DrillRecord& newest = history.records.back();
  const std::optional<Score> scored = score(newest);
  if (scored && scored->band == Score::Band::outside)
    messages.push_back(
        fmt::format("the restore took {:.1f} s; from earlier drills {:.1f} s to {:.1f} s were to be expected",
                    *newest.rto_seconds, newest.predicted->low_seconds, newest.predicted->high_seconds));
  // Where a phase says it, the restore as a whole need not say it again.
  const auto told_by_phase = [&](const Change& whole) {
    return std::any_of(history.changes.begin(), history.changes.end(), [&](const Change& change) {
      return change.phase != whole.phase && change.drills_since + 1 >= whole.drills_since &&
             change.drills_since <= whole.drills_since + 1;
    });
  };
  for (const Change& change : history.changes)
    if (change.drills_since <= kRecent && (change.phase != "rto" || !told_by_phase(change)))
      messages.push_back(change.message);
  return messages;
}

}  // namespace history
