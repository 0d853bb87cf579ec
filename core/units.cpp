#include "core/units.hpp"

#include <charconv>
#include <cmath>
#include <map>

namespace core {

std::optional<std::chrono::nanoseconds> read_duration(std::string_view text) {
  const std::map<std::string_view, double> units{{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const auto unit = units.find(text.substr(static_cast<std::size_t>(end - text.data())));
  if (unit == units.end() || !(number >= 0 && number * unit->second < 3.2e9)) return std::nullopt;
  return std::chrono::nanoseconds(std::llround(number * unit->second * 1e9));
}

std::optional<std::uint64_t> read_size(std::string_view text) {
  const std::map<std::string_view, std::uint64_t> units{
      {"B", 1}, {"KiB", 1ULL << 10U}, {"MiB", 1ULL << 20U}, {"GiB", 1ULL << 30U}, {"TiB", 1ULL << 40U}};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const auto unit = units.find(text.substr(static_cast<std::size_t>(end - text.data())));
  if (unit == units.end() || number > (1ULL << 53U) / unit->second) return std::nullopt;
  return number * unit->second;
}

}  // namespace core
