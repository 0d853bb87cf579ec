// The vocabulary of damage on a database that a real control plane wrote: the seed of the lab.
#include "tests/verifier/damage_cluster.hpp"

#include <cstdlib>
#include <iostream>

#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/damage_tools.hpp"

namespace {

// Empty, and said why, when there is none.
std::filesystem::path seed_directory() {
  if (const char* seed = std::getenv("DRILL_SEED"); seed != nullptr && *seed != '\0') return seed;
  const core::CommandResult made =
      core::run_command({{DRILL_SOURCE_DIR "/scenarios/lab/seed"}, std::chrono::minutes(4)});
  if (made.exit_code == 0) return made.out.substr(0, made.out.find('\n'));
  std::cout << "test skipped: no seed: " << made.err << '\n';
  return {};
}

}  // namespace

TEST_CASE("Each damage to a lived-in cluster's database is found by what it needs") {
  const std::filesystem::path seed = seed_directory();
  if (seed.empty()) return;
  const core::ScratchDir scratch;
  damage::Stage stage = make_damage_stage(scratch.path(), kine::Era::c);  // for the other cluster
  stage.database = seed / "server/db/state.db";
  stage.token = verifier::parse_token(damage::read_bytes(seed / "server/token"));
  stage.said.clear();
  std::filesystem::copy_file(stage.database, stage.previous, std::filesystem::copy_options::overwrite_existing);
  {
    damage::Surgery surgery(stage.previous);
    surgery.run("DELETE FROM kine WHERE id > (SELECT max(id) FROM kine) - 500");
    surgery.run("UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM kine) WHERE name = 'kine'");
  }
  damage::prepare(stage);
  for (const damage::Damage& one : damage::vocabulary()) {
    INFO(one.name << ", seed 1");
    const damage::Outcome outcome = damage::check(stage, one, 1);
    INFO("needs " << to_string(one.needs) << ", found by " << outcome.found_by);
    if (outcome.applied) CHECK(as_needed(one, outcome));
  }
}
