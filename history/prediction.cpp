#include "history/prediction.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "history/change_point.hpp"

namespace history {
namespace {

// Everything is relative: seconds to their median, sizes to their mean. A slope of 1 is "twice the size, twice the
// time".
constexpr double kSupposedSpread = 0.15;  // of drills of one size, until they show another;
constexpr double kSupposed = 4;           // it weighs as much as so many of them
constexpr double kLean = 0.02;            // towards slope 0: the square of that spread, over that of slopes to expect
constexpr double kLeastSpread = 0.03;
constexpr double kBand = 2.5;           // standard deviations
constexpr double kLeastSeconds = 1e-6;  // what takes less has no relative size
constexpr int kRounds = 8;              // until the weights of outliers have settled

using Pair = std::array<double, 2>;

struct Point {
  Pair size;  // bytes and objects, relative to their means, less 1
  double seconds = 0;
  double weight = 1;
};

// A symmetric matrix of two, kept invertible by kLean on its diagonal.
struct Normal {
  double aa = kLean;
  double ab = 0;
  double bb = kLean;

  Pair solve(const Pair& right) const {
    const double determinant = aa * bb - ab * ab;
    return {(bb * right[0] - ab * right[1]) / determinant, (aa * right[1] - ab * right[0]) / determinant};
  }
};

struct Fit {
  Pair centre{};
  double level = 0;  // at the centre
  Pair slope{};
  double spread = kSupposedSpread;
  double weight = 0;
  Normal normal;

  double at(const Pair& size) const {
    return level + slope[0] * (size[0] - centre[0]) + slope[1] * (size[1] - centre[1]);
  }
};

// More never makes it faster: a falling slope is noise, and is left out.
Pair rising(const Normal& normal, const Pair& right) {
  const Pair both = normal.solve(right);
  if (both[0] >= 0 && both[1] >= 0) return both;
  const Pair bytes{std::max(0.0, right[0] / normal.aa), 0};
  const Pair objects{0, std::max(0.0, right[1] / normal.bb)};
  return both[0] < both[1] ? objects : bytes;
}

Fit weighted_fit(const std::vector<Point>& points) {
  Fit fit;
  for (const Point& point : points) {
    fit.weight += point.weight;
    fit.level += point.weight * point.seconds;
    for (const std::size_t i : {0U, 1U}) fit.centre[i] += point.weight * point.size[i];
  }
  fit.level /= fit.weight;
  for (double& centre : fit.centre) centre /= fit.weight;
  Pair right{};
  for (const Point& point : points) {
    const Pair off{point.size[0] - fit.centre[0], point.size[1] - fit.centre[1]};
    fit.normal.aa += point.weight * off[0] * off[0];
    fit.normal.ab += point.weight * off[0] * off[1];
    fit.normal.bb += point.weight * off[1] * off[1];
    for (const std::size_t i : {0U, 1U}) right[i] += point.weight * off[i] * (point.seconds - fit.level);
  }
  fit.slope = rising(fit.normal, right);
  double squares = kSupposed * kSupposedSpread * kSupposedSpread;
  for (const Point& point : points) {
    const double residual = point.seconds - fit.at(point.size);
    squares += point.weight * residual * residual;
  }
  fit.spread = std::max(kLeastSpread, std::sqrt(squares / (fit.weight + kSupposed)));
  return fit;
}

double mean_of(const std::vector<TimedDrill>& drills, std::uint64_t DrillSize::*what) {
  double sum = 0;
  for (const TimedDrill& drill : drills) sum += static_cast<double>(drill.size.*what);
  return sum / static_cast<double>(drills.size());
}

double relative(std::uint64_t value, double mean) { return mean > 0 ? static_cast<double>(value) / mean - 1 : 0; }

}  // namespace

std::optional<Prediction> predict(const std::vector<TimedDrill>& drills, const DrillSize& size) {
  std::vector<double> seconds;
  for (const TimedDrill& drill : drills) seconds.push_back(drill.seconds);
  const double unit = median(seconds);
  if (unit < kLeastSeconds) return std::nullopt;
  const double bytes = mean_of(drills, &DrillSize::size_bytes);
  const double objects = mean_of(drills, &DrillSize::objects);
  const auto place = [&](const DrillSize& of) {
    return Pair{relative(of.size_bytes, bytes), relative(of.objects, objects)};
  };
  std::vector<Point> points;
  for (const TimedDrill& drill : drills) points.push_back({place(drill.size), drill.seconds / unit, 1});
  Fit fit = weighted_fit(points);
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> residuals;
    for (const Point& point : points) residuals.push_back(std::abs(point.seconds - fit.at(point.size)));
    const double usual = std::max(kLeastSpread, 1.4826 * median(residuals));
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double far = residuals[i] / (3 * usual);
      points[i].weight = far <= 1 ? 1 : 1 / (far * far);
    }
    fit = weighted_fit(points);
  }
  const Pair here = place(size);
  const Pair off{here[0] - fit.centre[0], here[1] - fit.centre[1]};
  const Pair solved = fit.normal.solve(off);
  const double distance = 1 + 1 / fit.weight + off[0] * solved[0] + off[1] * solved[1];
  const double half = kBand * fit.spread * std::sqrt(std::max(1.0, distance));
  const double expected = std::max(0.0, fit.at(here));
  return Prediction{expected * unit, std::max(0.0, expected - half) * unit, (expected + half) * unit};
}

}  // namespace history
