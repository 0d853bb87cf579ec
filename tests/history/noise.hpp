// Histories that a seed decides: durations of a phase night after night on a quiet, a usual and a busy machine, with
// outliers, and with a step or growth where one is expected. For history_test and change_table.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace noise {

struct Machine {
  const char* name;
  double spread;        // standard deviation of the logarithm
  double outliers;      // share of nights that take two to five times as long
  double after_effect;  // how much of a night's deviation the next night still has
};

inline constexpr std::array<Machine, 4> kMachines{{{"quiet", 0.05, 0.01, 0},
                                                   {"usual", 0.12, 0.05, 0},
                                                   {"busy", 0.25, 0.10, 0},
                                                   {"usual, and nights resemble the night before", 0.12, 0.05, 0.4}}};

// Normal numbers made here: std::normal_distribution gives others with another library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  double even() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }
  double normal() { return std::sqrt(-2 * std::log(1 - even())) * std::cos(6.283185307179586 * even()); }

 private:
  std::mt19937_64 engine_;
};

/// `nights` durations around `seconds`.
inline std::vector<double> steady(Dice& dice, const Machine& machine, std::size_t nights, double seconds) {
  std::vector<double> series;
  double deviation = 0;
  const double fresh = std::sqrt(1 - machine.after_effect * machine.after_effect);
  for (std::size_t night = 0; night < nights; ++night) {
    deviation = machine.after_effect * deviation + fresh * machine.spread * dice.normal();
    const double outlier = dice.even() < machine.outliers ? 2 + 3 * dice.even() : 1;
    series.push_back(seconds * std::exp(deviation) * outlier);
  }
  return series;
}

}  // namespace noise
