#include "core/edit_distance.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace core {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const std::size_t most = word.size() < 4 ? 1 : word.size() < 6 ? 2 : 3;
  const std::string* best = nullptr;
  std::size_t least = 0;
  for (const std::string& name : known) {
    const std::size_t distance = edit_distance(word, name);
    const bool begun = word.size() > 1 && name.starts_with(word);
    if ((begun || distance <= most) && (best == nullptr || distance < least)) {
      best = &name;
      least = distance;
    }
  }
  return best == nullptr ? std::string() : *best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known, std::string_view otherwise) {
  const std::string meant = nearest(word, known);
  return meant.empty() ? std::string(otherwise) : "did you mean " + meant + "?";
}

}  // namespace core
