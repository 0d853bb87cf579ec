#include "tests/drill/seed.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "core/error.hpp"
#include "core/process.hpp"

namespace {

std::filesystem::path seed_directory() {
  if (const char* seed = std::getenv("DRILL_SEED"); seed != nullptr && *seed != '\0') return seed;
  const core::CommandResult made = core::run_command(
      {{DRILL_SOURCE_DIR "/scenarios/lab/seed", "--k3s", standin_program().string()}, std::chrono::seconds(240)});
  if (made.exit_code != 0) throw core::Error(core::ErrorKind::not_found, "making the seed: " + made.err);
  return made.out.substr(0, made.out.find('\n'));
}

}  // namespace

std::filesystem::path standin_program() {
  if (const char* standin = std::getenv("DRILL_STANDIN"); standin != nullptr && *standin != '\0') return standin;
  return std::filesystem::path(DRILL_BINARY_DIR).parent_path() / "k3s-standin";
}

drill::Candidate seed_candidate() {
  const std::filesystem::path seed = seed_directory();
  drill::EngineSettings settings;
  settings.kind = drill::EngineKind::standin;
  settings.standin_path = standin_program();
  drill::Candidate candidate;
  candidate.name = "seed";
  candidate.database = seed / "server/db/state.db";
  candidate.token = seed / "server/token";
  candidate.k3s_version = drill::choose_engine(settings, "").version;
  return candidate;
}

const drill::Phase& phase_of(const drill::DrillReport& report, const std::string& name) {
  const auto found = std::find_if(report.phases.begin(), report.phases.end(),
                                  [&](const drill::Phase& phase) { return phase.name == name; });
  if (found == report.phases.end()) throw core::Error(core::ErrorKind::not_found, "no phase " + name);
  return *found;
}

std::string findings_of(const drill::Phase& phase) {
  std::string text;
  for (const core::Finding& finding : phase.findings) text += finding.message + "\n";
  return text;
}
