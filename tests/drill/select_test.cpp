// Which of several snapshots is drilled, and what is said of those that are not.
#include <functional>
#include <new>
#include <stdexcept>

#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "drill/drill.hpp"
#include "tests/catch.hpp"
#include "tests/drill/seed.hpp"
#include "tests/verifier/kine_database.hpp"

TEST_CASE("a newest snapshot that does not verify has failed, also when the next has no engine") {
  const core::ScratchDir scratch;
  drill::DrillOptions options;
  options.engine.kind = drill::EngineKind::k3s;
  options.engine.k3s_path = scratch.path() / "absent";
  drill::Candidate damaged;
  damaged.name = "edge/newest";
  damaged.database = scratch.path() / "no-database";
  core::write_new_file(damaged.database, std::string(5000, 'x'));
  drill::Candidate without_engine;
  without_engine.name = "edge/older";
  without_engine.k3s_version = "v1.36.2+k3s1";

  const drill::DrillReport alone = drill::run({without_engine}, options);
  CHECK(phase_of(alone, "select").verdict == core::CheckVerdict::could_not_run);

  const drill::DrillReport both = drill::run({damaged, without_engine}, options);
  const drill::Phase& select = phase_of(both, "select");
  CHECK(select.verdict == core::CheckVerdict::fail);
  CHECK_THAT(findings_of(select), Catch::Contains("edge/newest does not verify") && Catch::Contains("absent"));
  CHECK(both.snapshot == "edge/older");
  CHECK(phase_of(both, "fetch").verdict == core::CheckVerdict::skipped);
}

TEST_CASE("a newest snapshot that does not verify, and none before it that is left, fail the night and end it") {
  const core::ScratchDir scratch;
  std::vector<drill::Candidate> candidates(2);
  candidates[0].name = "edge/newest";
  candidates[0].database = scratch.path() / "state.db";
  kine::Database database(candidates[0].database);
  kine::populate(database);
  database.exec("UPDATE kine SET value = x'6b3873000a' WHERE name = '/registry/namespaces/default'");
  database.close();
  candidates[1].name = "edge/older";
  candidates[1].damage = "lost: state.db is missing";
  const drill::DrillReport report = drill::run(candidates, {});
  const drill::Phase& select = phase_of(report, "select");
  CHECK(select.verdict == core::CheckVerdict::fail);
  CHECK_THAT(findings_of(select), Catch::Contains("edge/newest does not verify") &&
                                      Catch::Contains("edge/older: lost: state.db is missing"));
  CHECK(phase_of(report, "verify").verdict == core::CheckVerdict::skipped);
  CHECK_FALSE(report.verification);
  CHECK_FALSE(report.rpo);
}

TEST_CASE("a snapshot that is dated a little ahead of this machine's clock loses nothing, and its RPO is measured") {
  const core::ScratchDir scratch;
  drill::Candidate candidate;
  candidate.name = "edge/newest";
  candidate.database = scratch.path() / "state.db";
  kine::Database database(candidate.database);
  kine::populate(database);
  database.close();
  candidate.taken_at = core::utc_now() + std::chrono::seconds(100);
  const drill::DrillReport report = drill::run({candidate}, {});
  CHECK(phase_of(report, "select").verdict == core::CheckVerdict::pass);
  CHECK(report.rpo == std::chrono::nanoseconds(0));
  candidate.taken_at = core::utc_now() + std::chrono::minutes(4);
  CHECK_FALSE(drill::run({candidate}, {}).rpo);
}

TEST_CASE("of several snapshots the one that is asked for is drilled, and no other one in its place") {
  const core::ScratchDir scratch;
  drill::DrillOptions options;
  options.only = "edge/asked";
  std::vector<drill::Candidate> candidates(3);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    candidates[i].name = i == 1 ? "edge/asked" : "edge/other";
    candidates[i].database = scratch.path() / "no-database";
    candidates[i].taken_at = core::utc_now() - std::chrono::hours(1000);
  }
  core::write_new_file(candidates[0].database, std::string(5000, 'x'));
  const drill::DrillReport report = drill::run(candidates, options);
  CHECK(report.snapshot == "edge/asked");
  CHECK(phase_of(report, "select").findings.empty());
  CHECK(phase_of(report, "verify").verdict == core::CheckVerdict::fail);
  CHECK_FALSE(report.rpo);
}

TEST_CASE("whatever a phase throws ends that phase, and the report is there with its words") {
  const std::vector<std::pair<std::function<void()>, std::string>> throws{
      {[] { std::filesystem::create_directory("/nowhere/at/all"); }, "/nowhere/at/all: No such file or directory"},
      {[] { throw std::bad_alloc(); }, "out of memory"},
      {[] { throw std::out_of_range("basic_string::at"); }, "unexpected: basic_string::at"}};
  for (const auto& one : throws) {
    const std::function<void()>& work = one.first;
    drill::Candidate candidate;
    candidate.name = "edge/newest";
    candidate.unpack = [&](const std::filesystem::path&) -> core::CopiedFile {
      work();
      return {};
    };
    const drill::DrillReport report = drill::run({candidate}, {});
    const drill::Phase& fetch = phase_of(report, "fetch");
    CHECK(fetch.verdict == core::CheckVerdict::could_not_run);
    CHECK_THAT(findings_of(fetch), Catch::Contains(one.second));
    CHECK(phase_of(report, "teardown").verdict == core::CheckVerdict::pass);
  }
}

TEST_CASE("a newest snapshot that cannot be read is no fail, and no older one is drilled in its place") {
  const core::ScratchDir scratch;
  std::vector<drill::Candidate> candidates(2);
  candidates[0].name = "edge/newest";
  candidates[0].unreadable = "Permission denied: as root: chown";
  candidates[1].name = "edge/older";
  candidates[1].database = scratch.path() / "no-database";
  const drill::DrillReport report = drill::run(candidates, {});
  CHECK(report.snapshot == "edge/newest");
  CHECK(phase_of(report, "select").verdict == core::CheckVerdict::could_not_run);
  CHECK_THAT(findings_of(phase_of(report, "select")), Catch::Contains("edge/newest: Permission denied"));
  CHECK(phase_of(report, "fetch").verdict == core::CheckVerdict::skipped);
}
