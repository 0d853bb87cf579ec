// verify --all through the program: every snapshot gets its verdict and its evidence, and one bad one stops nothing.
#include <csignal>
#include <fstream>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/shop.hpp"

using bench::Shop;
using Catch::Contains;

namespace {

// Without a token check bootstrap is skipped, and the rest can pass.
nlohmann::json verdicts(const nlohmann::json& document) {
  nlohmann::json list = nlohmann::json::object();
  for (const auto& snapshot : document.at("snapshots")) list[snapshot.at("snapshot")] = snapshot.at("verdict");
  return list;
}

}  // namespace

TEST_CASE_METHOD(Shop, "all snapshots of all clusters are verified, and list knows it afterwards") {
  REQUIRE(import().exit_code == 0);
  REQUIRE(import("other").exit_code == 0);
  const core::CommandResult all = drill({"verify", "--all", "--json"});
  INFO(all.out << all.err);
  REQUIRE(all.exit_code == 0);
  const auto document = bench::parse(all);
  CHECK(document.at("schema") == "k3s-drill/verify-all/1");
  CHECK(document.at("passed") == 8);
  const auto listed = bench::parse(drill({"list", "--json"}));
  for (const auto& snapshot : listed.at("snapshots")) CHECK(snapshot.at("verified").at("verdict") == "pass");
  CHECK_THAT(drill({"verify", "--all", "other", "-j1"}).out, Contains("other: 4 snapshots verified: 4 pass, 0 fail"));
  CHECK(drill({"verify", "--all", "nowhere"}).exit_code == 2);
  CHECK(drill({"verify", "--all", "--file", file(0).string()}).exit_code == 2);
  CHECK(drill({"verify", "-j2"}).exit_code == 2);
  CHECK(drill({"verify", "--all", "-j0"}).exit_code == 2);
}

TEST_CASE_METHOD(Shop,
                 "a snapshot that cannot be brought back, or whose manifest is spoilt, fails and the rest goes on") {
  std::ofstream(scratch.path() / "token") << "K10aa::server:secret";
  REQUIRE(import().exit_code == 0);
  const int last = 3;
  bench::spoil(store / "edge" / name(last));
  std::ofstream(store / "edge" / name(2) / "manifest.json") << "{";
  const core::CommandResult all = drill({"verify", "--all", "--json"});
  INFO(all.out << all.err);
  CHECK(all.exit_code == 1);
  const auto found = verdicts(bench::parse(all));
  CHECK(found.size() == 4);
  CHECK(found.at("edge/" + name(0)) == "pass");
  CHECK(found.at("edge/" + name(2)) == "fail");
  CHECK(found.at("edge/" + name(last)) == "fail");
  const core::CommandResult text = drill({"verify", "--all"});
  CHECK_THAT(text.out,
             Contains("fail          edge/" + name(last)) && Contains("state.db") && !Contains("edge/" + name(0)));
  CHECK_THAT(drill({"show", "edge/" + name(last)}).out, Contains("fail at ") && Contains("    file"));
}

TEST_CASE_METHOD(Shop,
                 "a snapshot that is damaged itself fails, and the sound one after it is compared with one before") {
  bench::spoil_page(file(2));
  REQUIRE(import().exit_code == 0);
  const core::CommandResult one = drill({"verify", "--json", "edge/" + name(3)});
  INFO(one.out << one.err);
  CHECK(one.exit_code == 0);
  CHECK_THAT(one.out, Contains("revisions since edge/" + name(1)));
  const auto found = verdicts(bench::parse(drill({"verify", "--all", "-j1", "--json"})));
  CHECK(found.at("edge/" + name(1)) == "pass");
  CHECK(found.at("edge/" + name(2)) == "fail");
  CHECK(found.at("edge/" + name(3)) == "pass");
  CHECK(bench::parse(drill({"list", "--json"})).at("snapshots").at(3).at("verified").at("verdict") == "pass");
}

TEST_CASE_METHOD(Shop, "where none is left to compare with, that is skipped, and the damaged one is named") {
  for (int hour = 0; hour < 2; ++hour) std::filesystem::remove(file(hour));
  bench::spoil_page(file(2));
  REQUIRE(import().exit_code == 0);
  const auto report = bench::parse(drill({"verify", "--json", "edge/" + name(3)}));
  CHECK(report.at("verdict") == "pass");
  CHECK_THAT(report.dump(), Contains("skipped: edge/" + name(2) + " is damaged itself"));
}

TEST_CASE_METHOD(Shop, "a token that is missing is a failed snapshot, not the end") {
  std::ofstream(scratch.path() / "token") << "K10aa::server:secret";
  REQUIRE(drill({"import", "--ignore-mtime", "--cluster", "edge", "--token-file", (scratch.path() / "token").string(),
                 files.string()})
              .exit_code == 0);
  std::filesystem::remove(store / "edge" / name(1) / "token");
  const auto document = bench::parse(drill({"verify", "--all", "--json"}));
  for (const auto& snapshot : document.at("snapshots"))
    if (snapshot.at("snapshot") == "edge/" + name(1))
      CHECK_THAT(snapshot.at("checks").at(0).dump(), Contains("token") && Contains("fail"));
  CHECK(document.at("snapshots").size() == 4);
}

TEST_CASE_METHOD(Shop, "verify --file takes the older file with --previous, and only with it") {
  CHECK(bench::drill({"verify", "--file", file(1).string(), "--previous", file(0).string()}).exit_code == 0);
  CHECK(bench::drill({"verify", "--file", file(1).string(), "--previous", "/nowhere"}).exit_code == 3);
  REQUIRE(import().exit_code == 0);
  CHECK(drill({"verify", "latest", "--previous", file(0).string()}).exit_code == 2);
}

TEST_CASE_METHOD(Shop, "an empty store has nothing to verify, diff or follow") {
  CHECK(drill({"verify", "--all"}).exit_code == 3);
  CHECK(drill({"log", "secrets/shop/db"}).exit_code == 3);
  CHECK(drill({"diff", "latest", "latest"}).exit_code == 3);
}
