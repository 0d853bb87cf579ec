// The filled cluster the drill's tests restore: the lab's seed as a candidate, and the stand-in that made it.
#pragma once

#include <filesystem>
#include <string>

#include "drill/drill.hpp"

/// $DRILL_STANDIN, else build/k3s-standin.
std::filesystem::path standin_program();

/// Database and token of the seed ($DRILL_SEED, else made by scenarios/lab/seed); `k3s_version` as the stand-in says.
/// Throws: not_found when there is no stand-in to make it.
drill::Candidate seed_candidate();

/// Phase `name` of `report`, which must be there.
const drill::Phase& phase_of(const drill::DrillReport& report, const std::string& name);

/// All findings of a phase, one a line.
std::string findings_of(const drill::Phase& phase);

/// One more object, given as JSON, in the newest row of a snapshot's file.
void plant(const std::filesystem::path& database, const std::string& key, const std::string& object);

struct Widgets {
  bool webhook = true;                  // converts between the versions, and nobody answers it; else nothing has to
  bool old_is_served = true;            // v1beta1
  std::string old_version = "v1beta1";  // that "old" is stored in
};

/// Three widgets.shop.example.com in team-000, "newest", "new" and "old", and their definition: v1, which is stored,
/// and v1beta1.
void plant_widgets(const std::filesystem::path& database, const Widgets& widgets);
