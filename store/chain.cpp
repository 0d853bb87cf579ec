#include "store/chain.hpp"

#include <chrono>

namespace store {
namespace {

auto day_of(core::UtcTime time) { return std::chrono::floor<std::chrono::days>(time); }

}  // namespace

std::string choose_base(const std::vector<Snapshot>& snapshots, core::UtcTime taken_at) {
  std::string keyframe;
  std::string step;
  std::uint64_t step_bytes = 0;
  std::uint64_t patches_bytes = 0;  // on that step
  for (const Snapshot& snapshot : snapshots) {
    const Manifest& manifest = snapshot.manifest;
    if (day_of(manifest.taken_at) != day_of(taken_at)) continue;
    if (snapshot.lost) {
      keyframe.clear();
    } else if (manifest.database.base.empty()) {
      keyframe = manifest.name;
      step.clear();
    } else if (manifest.database.base == keyframe) {
      step = manifest.name;
      step_bytes = manifest.database.size_bytes;
      patches_bytes = 0;
    } else if (manifest.database.base == step) {
      patches_bytes += manifest.database.size_bytes;
    }
  }
  if (keyframe.empty() || step.empty()) return keyframe;
  return patches_bytes < step_bytes ? step : keyframe;
}

}  // namespace store
