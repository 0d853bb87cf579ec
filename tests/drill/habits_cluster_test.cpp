// What people, old releases and documented commands leave in a database, all of it in one: k3s starts on it and serves
// it, so a drill of it passes, and says what it left out.
#include <algorithm>

#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "drill/drill.hpp"
#include "tests/catch.hpp"
#include "tests/drill/seed.hpp"

using namespace std::chrono_literals;

namespace {

constexpr const char* kHabits = R"(
-- a namespace that was finalized by hand, a definition that was deleted by force, the service of the API
INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value)
  SELECT name, 0, 1, CASE WHEN created THEN id ELSE create_revision END, id, 0, NULL, value FROM kine WHERE id IN
    (SELECT max(id) FROM kine WHERE name IN ('/registry/namespaces/team-003',
      '/registry/apiextensions.k8s.io/customresourcedefinitions/ingressroutes.traefik.io',
      '/registry/services/specs/default/kubernetes') GROUP BY name);
-- a bootstrap row of another token, and a second compact row
INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)
  SELECT '/bootstrap/0123456789ab', 1, 0, 0, 0, 0, value FROM kine WHERE name GLOB '/bootstrap/*';
INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)
  SELECT name, 1, 0, 0, prev_revision + 1, 0, x'' FROM kine WHERE name = 'compact_rev_key';
-- history and events that were deleted by hand, and an index that was
DELETE FROM kine WHERE id NOT IN (SELECT max(id) FROM kine GROUP BY name) AND name != 'compact_rev_key';
DELETE FROM kine WHERE name LIKE '/registry/events/%';
DROP INDEX kine_name_prev_revision_uindex;
)";

const core::Check& check_of(const std::vector<core::Check>& checks, std::string_view name) {
  const auto found =
      std::find_if(checks.begin(), checks.end(), [&](const core::Check& check) { return check.name == name; });
  REQUIRE(found != checks.end());
  return *found;
}

}  // namespace

TEST_CASE("a cluster with the habits of years is drilled, with warnings for what no API serves any more") {
  const core::ScratchDir scratch;
  drill::Candidate candidate = seed_candidate();
  candidate.database = drill::fetch(candidate, scratch.path() / "snapshot").database;
  plant(candidate.database, "/registry/gateway.networking.k8s.io/gateways/default/shop",
        R"({"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway","metadata":{"creationTimestamp":
        "2026-05-01T10:00:00Z","name":"shop","namespace":"default","uid":"6113e141-d894-450f-a4c7-3d1f0a7f7b19"}})");
  const core::CommandResult done = core::run_command({{"sqlite3", "-bail", candidate.database.string(), kHabits}});
  INFO(done.err);
  REQUIRE(done.exit_code == 0);
  drill::DrillOptions options;
  options.engine.kind = drill::EngineKind::standin;
  options.engine.standin_path = standin_program();
  options.ready_timeout = 120s;
  options.alive_for = 0s;
  const drill::DrillReport report = drill::run({candidate}, options);
  for (const core::Check& check : report.proof) {
    INFO(check.name);
    for (const core::Finding& finding : check.findings) UNSCOPED_INFO(finding.message);
    CHECK(check.verdict == core::CheckVerdict::pass);
  }
  CHECK(report.objects.equal());
  CHECK(report.objects.expected > 5'000);
  const core::Check& objects = check_of(report.proof, "objects");
  REQUIRE_FALSE(objects.findings.empty());
  CHECK_THAT(objects.findings.front().message,
             Catch::Contains("gateways.gateway.networking.k8s.io") && Catch::Contains("ingressroutes.traefik.io"));
}
