// Prints how often the change point is wrong and how soon it is right, as Markdown, for docs/history.md. No test: some
// thousands of histories of ninety nights, each looked at every night, as `drill run` does.
//
//   change_table [HISTORIES]     2000 when left out; a quarter of them with a step
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "history/change_point.hpp"
#include "tests/history/noise.hpp"

namespace {

constexpr std::size_t kNights = 90;
constexpr std::size_t kNear = 5;  // nights by which the date of a step may be off
constexpr std::array<double, 7> kPhases{0.15, 0.2, 0.3, 2.5, 0.7, 1.0, 4.0};  // seconds of what is watched each night

double false_alarms(const noise::Machine& machine, std::size_t histories) {
  std::size_t alarms = 0;
  for (std::size_t seed = 1; seed <= histories; ++seed) {
    noise::Dice dice(seed);
    bool alarm = false;
    for (const double seconds : kPhases)
      alarm = !history::find_steps(noise::steady(dice, machine, kNights, seconds)).empty() || alarm;
    alarms += alarm ? 1 : 0;
  }
  return 100.0 * static_cast<double>(alarms) / static_cast<double>(histories);
}

struct Detection {
  std::vector<std::size_t> nights;  // from the step to its report, where it was reported
  std::size_t exact = 0;            // dated to the very night
};

Detection detection(const noise::Machine& machine, std::size_t before, double ratio, std::size_t histories) {
  Detection result;
  for (std::size_t seed = 1; seed <= histories; ++seed) {
    noise::Dice dice(seed);
    std::vector<double> series = noise::steady(dice, machine, before + kNights, 2.0);
    for (std::size_t night = before; night < series.size(); ++night) series[night] *= ratio;
    for (const history::Step& step : history::find_steps(series)) {
      if (step.first_after + kNear < before || step.first_after > before + kNear) continue;
      result.nights.push_back(step.reported_at + 1 - before);
      result.exact += step.first_after == before ? 1 : 0;
      break;
    }
  }
  std::sort(result.nights.begin(), result.nights.end());
  return result;
}

// What `share` percent of all histories needed at most, or "-".
std::string within(const Detection& found, std::size_t histories, std::size_t share) {
  const std::size_t at = (histories * share + 99) / 100 - 1;
  return at < found.nights.size() ? std::to_string(found.nights[at]) : "-";
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t histories = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 2000;
  std::printf("%zu histories of %zu nights, seven phases each, looked at every night:\n\n", histories, kNights);
  std::printf("| machine | spread | outliers | false alarms |\n|---|---|---|---|\n");
  for (const noise::Machine& machine : noise::kMachines)
    std::printf("| %s | %.0f %% | %.0f %% | %.2f %% |\n", machine.name, 100 * machine.spread, 100 * machine.outliers,
                false_alarms(machine, histories));
  const std::size_t stepped = std::max<std::size_t>(1, histories / 4);
  std::printf("\n%zu histories with a step, one phase:\n\n", stepped);
  std::printf(
      "| machine | nights before | takes | half reported within | 95 %% within | reported | on the very night |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  for (const noise::Machine& machine : noise::kMachines)
    for (const std::size_t before : {std::size_t{10}, std::size_t{30}})
      for (const double ratio : {1.3, 1.5, 2.0, 3.0, 0.5}) {
        const Detection found = detection(machine, before, ratio, stepped);
        const auto all = static_cast<double>(stepped);
        std::printf("| %s | %zu | %.1f times | %s nights | %s nights | %.1f %% | %.0f %% |\n", machine.name, before,
                    ratio, within(found, stepped, 50).c_str(), within(found, stepped, 95).c_str(),
                    100 * static_cast<double>(found.nights.size()) / all, 100 * static_cast<double>(found.exact) / all);
      }
  return 0;
}
