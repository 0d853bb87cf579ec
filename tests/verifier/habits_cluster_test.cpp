// What the checks of the log and of the schema only warn of, in the hands of those who have to serve it: real kine of
// every era.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/damage_cluster.hpp"
#include "verifier/kine/sqlite.hpp"

using namespace std::chrono_literals;

namespace {

// Beside each other in one database. A second compact_rev_key is not among them: with it kine compacts nothing.
const std::set<std::string_view> kTogether{"people: history deleted by hand",
                                           "people: definition deleted by force",
                                           "people: namespace finalized by hand",
                                           "row: twice",
                                           "log: compacted less",
                                           "log: counter lowered",
                                           "schema: no unique index",
                                           "schema: index gone",
                                           "bootstrap: two"};

void demand_no_error(const verifier::Verification& result) {
  for (const core::Check& check : result.checks)
    for (const core::Finding& finding : check.findings) {
      INFO(check.name << ": " << finding.message << " " << finding.key.value_or(""));
      CHECK(finding.severity != core::Severity::error);
    }
}

std::optional<std::int64_t> live_keys(const std::filesystem::path& path) {
  verifier::Database database(path);
  return verifier::query_integer(
      database,
      "SELECT count(*) FROM kine WHERE id IN (SELECT max(id) FROM kine WHERE name >= '/registry/' AND name < "
      "'/registry0' GROUP BY name) AND deleted = 0");
}

}  // namespace

TEST_CASE("What is only warned of in the log and the schema, real kine of every era starts on and serves in full") {
  const auto [version, era] = GENERATE(table<std::string, kine::Era>(
      {{"v0.11.9", kine::Era::a}, {"v0.14.9", kine::Era::a}, {"v0.16.4", kine::Era::b}, {"v0.17.5", kine::Era::c}}));
  const core::CommandResult built = core::run_command({{DRILL_SOURCE_DIR "/scenarios/eras/build"}, 30min});
  INFO(built.err);
  REQUIRE(built.exit_code == 0);
  const std::string kines = built.out.substr(0, built.out.find('\n'));
  const core::ScratchDir scratch;
  const damage::Stage stage = make_damage_stage(scratch.path(), era);
  damage::Scene scene{stage.database, stage.token, {}, stage.previous, stage.other, std::mt19937_64(1)};
  for (const damage::Damage& one : damage::vocabulary())
    if (kTogether.count(one.name) != 0) {
      INFO(one.name);
      CHECK(one.apply(scene));
    }
  demand_no_error(verifier::verify({scene.database, scene.token, {}}));
  const std::optional<std::int64_t> live = live_keys(scene.database);
  const core::CommandResult result =
      core::run_command({{kines + "/eras", "-kines", kines, "-serve", scene.database.string(), "-by", version}, 2min});
  INFO(version << ": " << result.out << result.err);
  REQUIRE(result.exit_code == 0);
  const nlohmann::json served = nlohmann::json::parse(result.out);
  CHECK(served.at("listed") == live);
  CHECK(served.at("seen") == 40);
  CHECK(served.at("compacted") == (version != "v0.11.9"));
}
