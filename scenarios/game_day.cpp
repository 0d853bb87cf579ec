#include "scenarios/game_day.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "core/error.hpp"

namespace scenarios {
namespace {

constexpr std::size_t kSnapshots = 3;

}  // namespace

std::size_t copy_newest(const store::Store& store, const store::Snapshot& newest, const std::filesystem::path& target) {
  const std::vector<store::Snapshot> all = store.list(newest.manifest.cluster);
  const auto find = [&](const std::string& name) {
    return std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.manifest.name == name; });
  };
  const auto last = find(newest.manifest.name);
  if (last == all.end())
    throw core::Error(core::ErrorKind::not_found, newest.full_name() + " has been removed meanwhile");
  std::set<std::string> names;
  std::size_t count = 0;
  for (auto one = std::make_reverse_iterator(last + 1); one != all.rend() && count < kSnapshots; ++one) {
    if (one->damage || one->of_another_cluster) continue;
    ++count;
    std::string name = one->manifest.name;
    while (!name.empty() && names.insert(name).second) {
      const auto base = find(name);
      name = base == all.end() ? std::string() : base->manifest.database.base;
    }
  }
  if (count == 0) throw core::Error(core::ErrorKind::damaged, newest.full_name() + " cannot be read");
  std::filesystem::create_directory(target);
  for (const std::string& name : names) {
    const auto one = find(name);
    if (one == all.end()) continue;
    std::filesystem::copy(one->directory, target / name, std::filesystem::copy_options::recursive);
  }
  const std::filesystem::path series = newest.directory.parent_path() / "series.json";
  if (std::filesystem::exists(series)) std::filesystem::copy_file(series, target / "series.json");
  return count;
}

}  // namespace scenarios
