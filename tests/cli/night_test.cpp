// What `drill run` says of a night beside the restore itself: how old the newest snapshot is, and what it is compared
// with. No control plane is needed for it, and none is here: what was restored is asked for elsewhere.
#include "store/store.hpp"
#include "tests/catch.hpp"
#include "tests/cli/shop.hpp"

using bench::Shop;
using Catch::Contains;

namespace {

// Snapshots of a September long past, a minute apart, with a config.
struct Nights : Shop {
  explicit Nights(const std::string& settings) { configure(settings); }

  void configure(const std::string& settings, const std::string& of_edge = {}) const {
    write_config("engines: {k3s: {cache: " + scratch.path().string() + "}}\n" + settings,
                 "  edge:\n    host: 127.0.0.1\n" + of_edge);
  }

  core::CommandResult night(const std::vector<std::string>& arguments = {"edge"}) const {
    std::vector<std::string> all{"--json", "run", "--engine", "k3s"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return drill(all);
  }

  // As `night`, for a person.
  std::string told(const std::vector<std::string>& arguments = {"edge"}) const {
    std::vector<std::string> all{"run", "--engine", "k3s"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return drill(all).out;
  }
};

double seconds_between(const nlohmann::json& from, const nlohmann::json& to) {
  return core::to_seconds(*core::parse_rfc3339(to.get<std::string>()) - *core::parse_rfc3339(from.get<std::string>()));
}

nlohmann::json named(const nlohmann::json& list, const std::string& name) {
  for (const auto& entry : list)
    if (entry.at("name") == name) return entry;
  return nullptr;
}

}  // namespace

TEST_CASE("the RPO is the time since the capture of the newest snapshot that verifies, and an objective holds for it") {
  const Nights nights("stale_after: 1000d\nobjectives: {rpo: 2h}\n");
  REQUIRE(nights.import().exit_code == 0);
  bench::spoil(nights.store / "edge" / Nights::name(3));
  const core::CommandResult ran = nights.night();
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 1);
  const auto report = bench::parse(ran);
  CHECK(report.at("schema") == "k3s-drill/run/2");
  CHECK(report.at("snapshot").at("name") == "edge/" + Nights::name(2));
  CHECK(report.at("rpo_seconds").get<double>() ==
        Approx(seconds_between(report.at("snapshot").at("taken_at"), report.at("started_at"))).margin(0.001));
  const auto verified = bench::parse(nights.drill({"--json", "verify", "edge/" + Nights::name(2)}));
  CHECK(report.at("captured_lag_seconds").get<double>() ==
        Approx(seconds_between(verified.at("newest_change"), report.at("snapshot").at("taken_at"))).margin(0.001));
  CHECK(report.at("objectives").at("met") == false);
  CHECK_THAT(nights.told(), Contains(" h since the capture of edge/" + Nights::name(2)));
  nights.configure("stale_after: 1000d\nobjectives: {rpo: 900d}\n");
  CHECK(bench::parse(nights.night()).at("objectives").at("met") == true);
}

TEST_CASE("without an objective an old newest snapshot fails the night, and the snapshot has no part in it") {
  const Nights nights("");
  REQUIRE(nights.import().exit_code == 0);
  const core::CommandResult ran = nights.night();
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 1);
  const auto report = bench::parse(ran);
  CHECK(report.at("verdict") == "fail");
  CHECK(report.at("snapshot").at("verdict") == "inconclusive");  // there is no engine here
  CHECK(report.at("objectives").at("met").is_null());
  CHECK_THAT(named(report.at("phases"), "select").dump(), Contains("the newest snapshot, edge/" + Nights::name(3)) &&
                                                              Contains("pulls have stopped") &&
                                                              Contains("drill pull edge"));
  nights.configure("", "    stale_after: 1000d\n");
  CHECK(nights.night().exit_code == 3);
  nights.configure("stale_after: 1000d\n", "    stale_after: 1h\n");
  CHECK(nights.night().exit_code == 1);
}

TEST_CASE("a snapshot that is asked for by name is not held to its age, and says no RPO when there are newer ones") {
  const Nights nights("objectives: {rpo: 2h}\n");
  REQUIRE(nights.import().exit_code == 0);
  const core::CommandResult ran = nights.night({"--snapshot", "edge/" + Nights::name(1)});
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 3);
  const auto report = bench::parse(ran);
  CHECK(report.at("snapshot").at("name") == "edge/" + Nights::name(1));
  CHECK(report.at("rpo_seconds").is_null());
  CHECK(report.at("objectives").at("rpo_seconds").is_null());
  CHECK(report.at("compared_with") == "edge/" + Nights::name(0));
  nights.configure("");
  const core::CommandResult newest = nights.night({"--snapshot", "edge/latest"});
  CHECK(newest.exit_code == 3);
  CHECK(bench::parse(newest).at("rpo_seconds") > 86400.0);
  bench::spoil(nights.store / "edge" / Nights::name(1));
  const core::CommandResult spoilt = nights.night({"--snapshot", "edge/" + Nights::name(1)});
  CHECK(spoilt.exit_code == 1);
  CHECK(bench::parse(spoilt).at("snapshot").at("name") != "edge/" + Nights::name(0));
}

TEST_CASE("a night asks lineage, freshness and census, as drill verify does") {
  const Nights nights("stale_after: 1000d\n");
  for (int hour = 0; hour < 4; ++hour) std::filesystem::remove(nights.file(hour));
  const auto key = [](int i) { return "/registry/configmaps/default/c" + std::to_string(i); };
  const auto fill = [&](kine::Database& database) {
    kine::populate(database);
    for (int i = 0; i < 40; ++i) {
      const std::string number = std::to_string(i);
      database.create(key(i), kine::protobuf({"v1", "ConfigMap", "c" + number, "default", "uid-" + number}));
    }
  };
  kine::Database full(nights.file(4));
  fill(full);
  full.close();
  kine::Database emptied(nights.file(5));
  fill(emptied);
  for (int i = 0; i < 40; ++i) emptied.remove(key(i));
  emptied.close();
  REQUIRE(nights.import().exit_code == 0);
  const core::CommandResult ran = nights.night();
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 1);
  const auto report = bench::parse(ran);
  const auto verified = bench::parse(nights.drill({"--json", "verify", "edge/latest"}));
  for (const char* check : {"lineage", "freshness", "census"}) {
    INFO(check);
    auto in_night = named(report.at("checks"), check);
    auto alone = named(verified.at("checks"), check);
    in_night.erase("duration_seconds");
    alone.erase("duration_seconds");
    CHECK(in_night == alone);
  }
  CHECK(named(report.at("checks"), "census").at("verdict") == "fail");
  CHECK(report.at("snapshot").at("verdict") == "fail");
  CHECK(report.at("compared_with") == "edge/" + Nights::name(4));
  CHECK(report.at("rpo_seconds") > 0.0);
  const std::string text = nights.told();
  CHECK_THAT(text, Contains("check census: 40 of ") && Contains("a mass deletion"));
  CHECK_THAT(text, Contains("compared     with edge/" + Nights::name(4)));
}

TEST_CASE("a mass deletion at any hour of the day fails the night after it, and that one alone") {
  const Nights nights("stale_after: 1000d\n");
  for (int hour = 0; hour < 4; ++hour) {
    std::filesystem::remove(nights.file(hour));
    kine::Database database(nights.file(hour));
    kine::populate(database);
    const auto key = [](int i) { return "/registry/configmaps/default/c" + std::to_string(i); };
    for (int i = 0; i < 40; ++i) {
      const std::string number = std::to_string(i);
      database.create(key(i), kine::protobuf({"v1", "ConfigMap", "c" + number, "default", "uid-" + number}));
    }
    for (int i = 0; hour > 0 && i < 40; ++i) database.remove(key(i));
  }
  const std::filesystem::path later = nights.scratch.path() / nights.file(3).filename();
  std::filesystem::rename(nights.file(3), later);
  REQUIRE(nights.import().exit_code == 0);
  const auto census_of = [](const nlohmann::json& report) {
    return named(report.at("checks"), "census").at("verdict");
  };
  store::Store store(nights.store);
  const auto note = [&](int hour, const std::string& verdict) {
    store.keep_evidence(store.find("edge/" + Nights::name(hour)), store::Evidence::run,
                        nlohmann::json{{"verdict", verdict}, {"started_at", "2026-09-21T15:00:00Z"}}.dump());
  };
  note(1, "inconclusive");  // no verdict: as if it had not been drilled
  CHECK(census_of(bench::parse(nights.night({"--snapshot", "edge/" + Nights::name(2)}))) == "pass");
  std::filesystem::remove(nights.store / "edge" / Nights::name(2) / "run.json");
  note(0, "pass");
  const auto bad = bench::parse(nights.night());
  INFO(bad.dump(1));
  CHECK(bad.at("compared_with") == "edge/" + Nights::name(0));
  CHECK(census_of(bad) == "fail");
  CHECK_THAT(nights.told(),
             Contains("compared     with edge/" + Nights::name(0) + ", the snapshot of the drill before"));
  std::filesystem::rename(later, nights.file(3));
  REQUIRE(nights.import().exit_code == 0);
  const auto after = bench::parse(nights.night());
  CHECK(after.at("compared_with") == "edge/" + Nights::name(2));
  CHECK(census_of(after) == "pass");
}

TEST_CASE("a night passes over a snapshot that is damaged itself, and does not fail by it") {
  const Nights nights("stale_after: 1000d\n");
  bench::spoil_page(nights.file(2));
  REQUIRE(nights.import().exit_code == 0);
  const auto report = bench::parse(nights.night());
  INFO(report.dump(1));
  CHECK(report.at("compared_with") == "edge/" + Nights::name(1));
  CHECK(named(report.at("checks"), "lineage").at("verdict") == "pass");
  CHECK(report.at("snapshot").at("verdict") == "inconclusive");  // there is no engine here
}

TEST_CASE("the first snapshot of a series has nothing before it, which is named and no warning") {
  const Nights nights("stale_after: 1000d\n");
  for (int hour = 1; hour < 4; ++hour) std::filesystem::remove(nights.file(hour));
  REQUIRE(nights.import().exit_code == 0);
  const auto report = bench::parse(nights.night());
  CHECK(report.at("compared_with").is_null());
  for (const char* check : {"lineage", "census"}) {
    const auto found = named(report.at("checks"), check);
    CHECK(found.at("verdict") == "skipped");
    CHECK(found.at("findings").at(0).at("severity") == "note");
  }
  CHECK(named(report.at("checks"), "freshness").at("verdict") == "pass");
  CHECK_THAT(nights.told(), Contains("not checked  lineage, census: there is no earlier snapshot to compare with"));
}

TEST_CASE("what cannot be brought back is passed over for one before it") {
  const Nights nights("stale_after: 1000d\n");
  REQUIRE(nights.import().exit_code == 0);
  std::filesystem::remove(nights.store / "edge" / Nights::name(2) / "manifest.json");
  bench::spoil(nights.store / "edge" / Nights::name(1));
  const auto report = bench::parse(nights.night());
  INFO(report.dump(1));
  CHECK(report.at("snapshot").at("name") == "edge/" + Nights::name(3));
  CHECK(report.at("compared_with") == "edge/" + Nights::name(0));
}
