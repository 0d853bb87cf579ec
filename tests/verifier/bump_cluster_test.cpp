// Bumped copies in the hands of those they are made for: a whole control plane, and real kine of every era. The copy is
// served as before and goes on from its new revision, older watches are told so, and compaction goes on.
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/standin.hpp"
#include "verifier/kine/bump_revision.hpp"
#include "verifier/kine/sqlite.hpp"
#include "verifier/verify.hpp"

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr const char* kIsGap = "name >= 'gap-' AND name < 'gap.'";

std::filesystem::path seed() {
  const char* value = std::getenv("DRILL_SEED");
  return value != nullptr ? value : "";
}

#define NEEDS_SEED()                                                                    \
  if (!std::filesystem::exists(seed() / "server/db/state.db")) {                        \
    WARN("test skipped: DRILL_SEED names no data directory with a cluster's database"); \
    return;                                                                             \
  }

// Every live row with its value, whatever its revision, by SQLite's own eyes.
std::vector<std::string> live_rows(const std::filesystem::path& path, std::int64_t up_to) {
  verifier::Database database(path);
  verifier::Statement statement(database,
                                "SELECT id, name, value FROM kine WHERE id IN (SELECT max(id) FROM kine WHERE id <= ? "
                                "GROUP BY name) AND deleted = 0 "
                                "AND name <> 'compact_rev_key' ORDER BY id");
  statement.bind(1, up_to);
  std::vector<std::string> rows;
  while (statement.step())
    rows.push_back(std::to_string(statement.integer(0)) + " " + std::string(statement.bytes(1)) + " " +
                   std::string(statement.bytes(2)));
  return rows;
}

// The key of an object that is live and was changed more than once.
std::string changed_object(const std::filesystem::path& path) {
  verifier::Database database(path);
  verifier::Statement statement(
      database,
      "SELECT name FROM kine WHERE name >= '/registry/' AND name < '/registry0' AND lease = 0 GROUP BY name "
      "HAVING count(*) > 2 AND max(id) IN (SELECT id FROM kine WHERE deleted = 0) AND sum(deleted) = 0 LIMIT 1");
  REQUIRE(statement.step());
  return std::string(statement.bytes(0));
}

std::int64_t count(const std::filesystem::path& path, const std::string& what) {
  verifier::Database database(path);
  return verifier::query_integer(database, "SELECT count(*) FROM kine WHERE " + what).value_or(-1);
}

// No check fails; `quiet` are those that must not even warn.
void check_sound(const verifier::Verification& result, const std::vector<std::string>& quiet) {
  for (const core::Check& check : result.checks)
    for (const core::Finding& finding : check.findings) {
      INFO(check.name << ": " << finding.message << " " << finding.key.value_or(""));
      CHECK(finding.severity != core::Severity::error);
      if (std::find(quiet.begin(), quiet.end(), check.name) != quiet.end())
        CHECK(finding.severity == core::Severity::note);
    }
}

}  // namespace

TEST_CASE("A control plane serves a bumped copy as it serves the snapshot, and goes on from the new revision") {
  NEEDS_STANDIN();
  NEEDS_SEED();
  const core::ScratchDir scratch;
  const std::filesystem::path original = seed() / "server/db/state.db";
  const std::filesystem::path copy = scratch.path() / "state.db";
  const std::string token_file = core::read_file(seed() / "server/token");
  const verifier::Token token = verifier::parse_token(token_file);
  core::copy_file(original, copy);
  const verifier::Verification before = verifier::verify({original, token, {}});
  const std::int64_t bumped = verifier::bump_revision(copy, verifier::revision_beyond(before.revision, 1h)).value;
  verifier::Subject subject{copy, token, {}};
  subject.previous = verifier::Previous{"seed", original, token};
  const verifier::Verification after = verifier::verify(subject);
  check_sound(after, {"revisions", "value-chain", "lineage", "census", "sqlite", "schema"});
  CHECK(after.revision.value == bumped);
  CHECK(after.objects.size() == before.objects.size());

  standin::Server server;
  server.restore(copy, token_file);
  server.start();
  // At the revision that it was bumped to, the API has every object, each at the revision that wrote it.
  std::size_t matched = 0;
  for (const std::string plural : {"configmaps", "secrets", "pods"}) {
    std::map<std::string, std::string> served;
    const json list = json::parse(server.send(
        "GET", "/api/v1/" + plural + "?resourceVersionMatch=Exact&resourceVersion=" + std::to_string(bumped)));
    for (const json& item : list.at("items"))
      served.emplace(item.at("metadata").at("uid"), item.at("metadata").at("resourceVersion"));
    for (const verifier::Object& object : before.objects)
      if (object.resource == plural) {
        CHECK(served[std::string(object.uid)] == std::to_string(object.revision.value));
        ++matched;
      }
    CHECK(list.at("items").size() == before.census.by_resource.at(plural));
  }
  CHECK(matched > 1'000);
  const json written = json::parse(server.send("POST", "/api/v1/namespaces/default/configmaps",
                                               R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"new"}})"));
  CHECK(std::stoll(written.at("metadata").at("resourceVersion").get<std::string>()) > bumped);
  const std::string answer = server.send(
      "GET", "/api/v1/configmaps?watch=true&timeoutSeconds=5&resourceVersion=" + std::to_string(before.revision.value));
  CHECK_THAT(answer, Catch::Contains("\"code\":410"));

  server.work({"--hours", "1", "--compact", (server.directory() / "kine.sock").string()});
  server.stop();
  const std::filesystem::path later = server.database();
  CHECK(count(later, "id > " + std::to_string(bumped)) > 1'000);
  CHECK(count(later, "name = 'compact_rev_key' AND prev_revision > " + std::to_string(bumped)) == 1);
  CHECK(count(later, kIsGap) == 0);
  verifier::Subject hour_later{later, token, {}};
  hour_later.previous = verifier::Previous{"bumped", copy, token};
  check_sound(verifier::verify(hour_later), {"revisions", "value-chain", "lineage"});
  // As an ordinary pull after the restore sees it: held against the last snapshot from before.
  hour_later.previous = verifier::Previous{"seed", original, token};
  check_sound(verifier::verify(hour_later), {"revisions", "value-chain"});
}

TEST_CASE("Real kine of every era opens a bumped database of its own, lists, watches and compacts") {
  NEEDS_SEED();
  const auto [version, life] = GENERATE(
      table<std::string, std::string>({{"v0.11.9", "a-oldest"}, {"v0.14.9", "a"}, {"v0.16.4", "b"}, {"v0.17.5", "c"}}));
  const core::CommandResult built = core::run_command({{DRILL_SOURCE_DIR "/scenarios/eras/build"}, 30min});
  INFO(built.err);
  REQUIRE(built.exit_code == 0);
  const std::string kines = built.out.substr(0, built.out.find('\n'));
  const core::ScratchDir scratch;
  const auto eras = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {kines + "/eras", "-kines", kines});
    const core::CommandResult result = core::run_command({options, 2min});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return result.out;
  };
  eras({"-kind", life, "-seed", seed() / "server/db/state.db", "-out", scratch.path(), "-snapshots", "1"});
  const std::filesystem::path original = scratch.path() / (life + "-0001.db");
  const std::filesystem::path copy = scratch.path() / "state.db";
  core::copy_file(original, copy);
  const std::int64_t newest = verifier::verify({original, {}, {}}).revision.value;
  const std::int64_t bumped = verifier::bump_revision(copy, verifier::revision_beyond({newest}, 10min)).value;
  const std::vector<std::string> rows = live_rows(copy, bumped);
  CHECK(rows == live_rows(original, newest));
  const std::int64_t listed =
      count(copy,
            "id IN (SELECT max(id) FROM kine WHERE name >= '/registry/' AND name < '/registry0' "
            "GROUP BY name) AND deleted = 0");

  // With a past of its own: of which nothing may come back when it is deleted and that is compacted.
  const std::string doomed = changed_object(original);
  const std::string newest_of_doomed = "id = (SELECT max(id) FROM kine WHERE name = '" + doomed + "')";
  REQUIRE(count(copy, newest_of_doomed + " AND deleted = 0") == 1);

  const json served = json::parse(eras({"-serve", copy, "-by", version, "-old", std::to_string(newest), "-from",
                                        std::to_string(bumped), "-delete", doomed}));
  INFO(version << ": " << served.dump());
  CHECK(served.at("listed") == listed);
  CHECK(served.at("revision") >= bumped);
  CHECK(served.at("revision") <= bumped + count(copy, "lease > 0"));  // what has outlived its lease goes, one by one
  CHECK_THAT(served.at("old").get<std::string>(), Catch::Contains("required revision has been compacted"));
  CHECK(served.at("first") > bumped);
  CHECK(served.at("seen") == 40);
  CHECK(served.at("compacted") == (version != "v0.11.9"));
  CHECK(count(copy, kIsGap) == (version == "v0.11.9" ? 1 : 0));
  CHECK(count(copy, newest_of_doomed + " AND deleted = 0") == 0);
  const verifier::Verification after = verifier::verify({copy, {}, {}});
  for (const core::Check& check : after.checks)
    if (check.name == "revisions" || check.name == "value-chain") CHECK(check.findings.empty());
}
