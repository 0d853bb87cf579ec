// `drill report history` through the program, on a history that was written by hand.
#include <fstream>

#include "core/clock.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/shop.hpp"

using bench::Shop;
using Catch::Contains;

namespace {

std::string line(int number, double ready, const std::string& verdict = "pass") {
  const core::UtcTime at = *core::parse_rfc3339("2026-09-01T02:40:00Z") + std::chrono::hours(24 * number);
  const nlohmann::ordered_json record = {
      {"schema", "k3s-drill/drill-record/1"},
      {"started_at", core::format_rfc3339(at)},
      {"snapshot", core::format_compact(at)},
      {"verdict", verdict},
      {"snapshot_verdict", verdict},
      {"engine", {{"kind", "k3s"}, {"version", "v1.36.2+k3s1"}}},
      {"drill_version", "0.1.0"},
      {"cpu_count", 2},
      {"size_bytes", 36'000'000},
      {"objects", 11'000},
      {"rto_seconds", ready + 1.5},
      {"phases", {{"ready", ready}}},
      {"predicted", {{"rto_seconds", 3.6}, {"low_seconds", 3.0}, {"high_seconds", 4.2}}}};
  return record.dump() + "\n";
}

struct Nights : Shop {
  std::filesystem::path file = store / "edge" / "drills.jsonl";

  Nights() {
    REQUIRE(import().exit_code == 0);
    std::ofstream out(file);
    for (int i = 0; i < 74; ++i) out << line(i, (i < 64 ? 2.1 : 4.0) + 0.01 * (i * 7 % 10));
  }
};

}  // namespace

TEST_CASE_METHOD(Nights, "the history of drills is a table, its averages, and since when a phase takes longer") {
  const core::CommandResult text = drill({"report", "history"});
  INFO(text.out << text.err);
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out, Contains("edge: 74 drills, 30 of the last 30 passed"));
  CHECK_THAT(text.out, Contains("ready took 2.1 s on average until 3 November, 4.0 s since"));
  CHECK_THAT(text.out, Contains("2026-11-13 20261113T024000Z pass"));
  CHECK_THAT(text.out, !Contains("2026-10-01"));
  CHECK_THAT(drill({"-v", "report", "history", "edge"}).out, Contains("2026-10-01"));

  const auto document = bench::parse(drill({"report", "history", "edge", "--json"}));
  CHECK(document.at("schema") == "k3s-drill/history/2");
  const auto& edge = document.at("clusters").at(0);
  CHECK(edge.at("cluster") == "edge");
  CHECK(edge.at("records").size() == 74);
  CHECK(edge.at("changes").at(0).at("since") == "2026-11-04T02:40:00Z");
  CHECK(edge.at("trends").at("ready").at("last_7_mean_seconds") == Approx(4.04).epsilon(0.02));
  CHECK(edge.at("predictions").at("scored") == 74);
  CHECK(edge.at("records").at(73).at("prediction").at("within") == false);
}

TEST_CASE_METHOD(Nights, "lines that are torn or strange are counted, and the rest is shown") {
  std::ofstream(file, std::ios::app) << "not json\n\n" << line(74, 4.0, "fail") << line(75, 4.0).substr(0, 90);
  const core::CommandResult text = drill({"report", "history"});
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out,
             Contains("edge: 75 drills, 29 of the last 30 passed") && Contains("2 lines of drills.jsonl left out"));
  CHECK(bench::parse(drill({"report", "history", "--json"})).at("clusters").at(0).at("broken_lines") == 2);
}

TEST_CASE_METHOD(Nights, "the history is no snapshot: list, prune and verify pass over it, and it outlives them") {
  const std::string before = core::read_file(file);
  CHECK(bench::parse(drill({"list", "--json"})).at("snapshots").size() == 4);
  write_config("keep_last: 1\n", "  edge:\n    host: 127.0.0.1\n");
  CHECK(drill({"prune"}).exit_code == 0);
  CHECK(drill({"verify", "--all"}).exit_code == 0);
  CHECK(core::read_file(file) == before);
}

TEST_CASE_METHOD(Shop, "without a drill the history says so, and what is no history is an error with its kind") {
  CHECK_THAT(drill({"report", "history"}).out, Contains("no drill yet"));
  CHECK(drill({"report", "history"}).exit_code == 0);
  REQUIRE(import().exit_code == 0);
  const core::CommandResult none = drill({"report", "history"});
  CHECK(none.exit_code == 0);
  CHECK_THAT(none.out, Contains("edge: no drill yet: run drill run edge"));
  CHECK(bench::parse(drill({"report", "history", "--json"})).at("clusters").at(0).at("drills") == 0);

  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"report"}, {"report", "bogus"}, {"report", "history", "nowhere"}, {"report", "history", "--bogus"}}) {
    const core::CommandResult result = drill(wrong);
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(result.err.starts_with("drill: error: "));
  }
  std::filesystem::create_directory(store / "edge" / "drills.jsonl");
  const core::CommandResult directory = drill({"report", "history", "--json"});
  CHECK(directory.exit_code == 3);
  CHECK(bench::parse(directory).at("kind") == "storage");
}
