#include "history/change_point.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

namespace history {
namespace {

constexpr std::size_t kWindow = 90;  // values that are looked back on
constexpr std::size_t kLeastBefore = 8;
constexpr std::size_t kLeastAfter = 5;
// Chosen with change_table: false alarms below 1 % in ninety nights of seven phases, also where a night resembles the
// one before it; a doubling seen within two weeks, nine times in ten on a usual machine with a month before it.
constexpr double kLeastStrength = 4.05;  // of the rank sum, in standard deviations
constexpr double kLeastRatio = 1.25;     // what is smaller is nobody's worry
constexpr double kLeastSeconds = 0.1;
constexpr double kLeastRoom = 1.25;      // between the sides, in standard deviations of the values within each
constexpr double kSupposedSpread = 0.2;  // of any machine, until values show it to be more even;
constexpr double kSupposed = 10;         // it weighs as much as so many of them
constexpr double kDeviations = 1.4826;   // median distance from the median to standard deviation, for normal values
constexpr double kRestSeconds = 0.01;    // keeps the logarithm of a phase without length finite

using Values = std::vector<double>;

Values slice(const Values& series, std::size_t from, std::size_t to) {
  return {series.begin() + static_cast<std::ptrdiff_t>(from), series.begin() + static_cast<std::ptrdiff_t>(to)};
}

// 1 for the smallest; values that are the same share the mean of their ranks.
Values ranks_of(const Values& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  Values ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    const double shared = static_cast<double>(first + last) / 2 + 1;
    for (; first <= last; ++first) ranks[order[first]] = shared;
  }
  return ranks;
}

// The split whose sides differ most by rank (Mann and Whitney's test for each), where that explains more than a
// straight line does (Spearman's correlation with time).
std::optional<std::size_t> best_split(const Values& values) {
  const auto n = static_cast<double>(values.size());
  const double middle = (n + 1) / 2;
  double total = 0;
  double with_time = 0;
  double rank_sum = 0;
  double best = 0;  // share of the variance of the ranks
  std::size_t best_at = 0;
  const Values ranks = ranks_of(values);
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    total += (ranks[i] - middle) * (ranks[i] - middle);
    with_time += (ranks[i] - middle) * (static_cast<double>(i + 1) - middle);
  }
  if (total <= 0) return std::nullopt;  // all the same
  for (std::size_t at = 1; at + kLeastAfter <= ranks.size(); ++at) {
    rank_sum += ranks[at - 1] - middle;
    const auto before = static_cast<double>(at);
    const double explains = rank_sum * rank_sum * n / (before * (n - before)) / total;
    if (at < kLeastBefore || explains <= best) continue;
    best = explains;
    best_at = at;
  }
  const double line = with_time * with_time / (total * n * (n * n - 1) / 12);
  if (best <= line || best * (n - 1) < kLeastStrength * kLeastStrength) return std::nullopt;
  return best_at;
}

// Whether the two sides are far enough apart to be worth a word: the middle halves must not touch, with room between
// them for what the values spread within each.
bool is_large(const Values& values, std::size_t at) {
  Values before = slice(values, 0, at);
  Values after = slice(values, at, values.size());
  const double old_level = median(before);
  const double new_level = median(after);
  if (std::abs(new_level - old_level) < kLeastSeconds ||
      std::max(new_level, old_level) < kLeastRatio * std::min(new_level, old_level))
    return false;
  const auto relative = [](double value, double level) {
    return std::log((value + kRestSeconds) / (level + kRestSeconds));
  };
  Values apart;
  for (const double value : before) apart.push_back(std::abs(relative(value, old_level)));
  for (const double value : after) apart.push_back(std::abs(relative(value, new_level)));
  const double measured = kDeviations * median(apart);
  const auto n = static_cast<double>(values.size());
  const double spread =
      std::sqrt((n * measured * measured + kSupposed * kSupposedSpread * kSupposedSpread) / (n + kSupposed));
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  const auto low = [](const Values& sorted) { return sorted[sorted.size() / 4]; };
  const auto high = [](const Values& sorted) { return sorted[sorted.size() - 1 - sorted.size() / 4]; };
  const double room = new_level > old_level ? relative(low(after), high(before)) : relative(low(before), high(after));
  return room >= kLeastRoom * spread;
}

// The night of the split, by the values themselves: ranks alone would take in a high value just before a rise.
std::size_t exact_split(const Values& values) {
  Values logs;
  for (const double value : values) logs.push_back(std::log(value + kRestSeconds));
  const auto spread = [](const Values& side) {
    const double level = median(side);
    double sum = 0;
    for (const double value : side) sum += std::abs(value - level);
    return sum;
  };
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t at = 1; at < values.size(); ++at) {
    const double sum = spread(slice(logs, 0, at)) + spread(slice(logs, at, values.size()));
    if (sum >= least) continue;
    least = sum;
    best = at;
  }
  return best;
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double middle_mean(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t cut = values.size() / 4;
  return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(cut),
                         values.end() - static_cast<std::ptrdiff_t>(cut), 0.0) /
         static_cast<double>(values.size() - 2 * cut);
}

std::vector<Step> find_steps(const std::vector<double>& series) {
  std::vector<Step> steps;
  std::size_t start = 0;  // where the present level began
  for (std::size_t end = kLeastBefore + kLeastAfter; end <= series.size(); ++end) {
    const std::size_t from = std::max(start, end > kWindow ? end - kWindow : 0);
    if (end - from < kLeastBefore + kLeastAfter) continue;
    const Values window = slice(series, from, end);
    const std::optional<std::size_t> by_rank = best_split(window);
    if (!by_rank || !is_large(window, *by_rank)) continue;
    const std::size_t at = exact_split(window);
    if (at < kLeastBefore || at + kLeastAfter > window.size() || !is_large(window, at)) continue;
    start = from + at;
    steps.push_back({start, end - 1, 0, 0});
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::size_t at = steps[i].first_after;
    const std::size_t previous = i == 0 ? 0 : steps[i - 1].first_after;
    const std::size_t next = i + 1 == steps.size() ? series.size() : steps[i + 1].first_after;
    steps[i].before = middle_mean(slice(series, std::max(previous, at > kWindow ? at - kWindow : 0), at));
    steps[i].after = middle_mean(slice(series, at, next));
  }
  return steps;
}

}  // namespace history
