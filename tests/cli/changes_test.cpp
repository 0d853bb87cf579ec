// diff and log through the program: what they say, that they say no value, and what they answer to bad input.
#include <fstream>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/shop.hpp"

using bench::Shop;
using Catch::Contains;

TEST_CASE_METHOD(Shop, "diff says what was created, changed and deleted, in text and in JSON, and exits 0") {
  REQUIRE(import().exit_code == 0);
  const core::CommandResult text = drill({"diff", "edge/" + name(0), "edge/" + name(2)});
  INFO(text.out << text.err);
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out, Contains(": 1 created, 2 deleted; 1 namespace gone: shop"));
  CHECK_THAT(text.out, Contains("secrets/shop/db") && Contains("namespaces/shop") && Contains("secrets/default/new"));
  CHECK_THAT(text.out, !Contains(bench::kCanary));
  const auto document = bench::parse(drill({"diff", "--json", name(0), "latest"}));
  CHECK(document.at("schema") == "k3s-drill/diff/1");
  CHECK(document.at("created") == 1);
  CHECK(document.at("deleted") == 2);
  CHECK(document.at("namespaces_deleted") == nlohmann::json({"shop"}));
  CHECK(document.at("from").at("cluster") == "edge");
  const core::CommandResult none = drill({"diff", name(2), name(3)});
  CHECK(none.exit_code == 0);
  CHECK_THAT(none.out, Contains("no difference"));
  CHECK(drill({"diff", name(0), name(2), "-r", "ns"}).out.find("secrets") == std::string::npos);
  CHECK(bench::parse(drill({"diff", "--json", name(0), name(2), "--namespace", "default"})).at("changes").size() == 1);
}

TEST_CASE_METHOD(Shop, "diff takes plain files, which need no store and stay as they are") {
  const std::string before = core::read_file(file(0));
  const core::CommandResult both = bench::drill({"diff", "--file", file(0).string(), "--file", file(2).string()});
  INFO(both.out << both.err);
  CHECK(both.exit_code == 0);
  CHECK_THAT(both.out, Contains("1 namespace gone"));
  CHECK(core::read_file(file(0)) == before);
  REQUIRE(import().exit_code == 0);
  CHECK_THAT(drill({"diff", "latest", "--file", file(0).string()}).out, Contains("1 namespace new"));
  CHECK_THAT(drill({"diff", "--events", "--file", file(0).string(), "latest"}).out, Contains("1 namespace gone"));
}

TEST_CASE_METHOD(Shop, "diff says what is odd about its two and goes on, and refuses what it cannot read") {
  REQUIRE(import().exit_code == 0);
  REQUIRE(import("other").exit_code == 0);
  const core::CommandResult same = drill({"diff", "edge/latest", "edge/" + name(3)});
  CHECK(same.exit_code == 0);
  CHECK_THAT(same.err, Contains("both are edge/" + name(3)));
  CHECK_THAT(drill({"diff", "edge/" + name(0), "other/" + name(1)}).err, Contains("of different clusters"));
  CHECK_THAT(drill({"diff", "edge/latest", "edge/" + name(0)}).err, Contains("is older than"));
  CHECK_THAT(drill({"diff", "edge/" + name(0), "edge/latest", "-n", "nowhere"}).err,
             Contains("neither has anything in a namespace nowhere"));
  CHECK(drill({"diff", "edge/latest"}).exit_code == 2);
  CHECK(drill({"diff"}).exit_code == 2);
  CHECK(drill({"diff", "edge/latest", "edge/" + name(0), "edge/" + name(1)}).exit_code == 2);
  CHECK(drill({"diff", "edge/latest", "edge/20200101T000000Z"}).exit_code == 3);
  CHECK(drill({"diff", "edge/latest", "nowhere/latest"}).exit_code == 2);
  CHECK(drill({"diff", "edge/latest", "--file", "/nowhere"}).exit_code == 3);
  CHECK(drill({"diff", "edge/latest", "--file", "/"}).exit_code == 3);
  std::ofstream(scratch.path() / "text") << "no database";
  std::ofstream(scratch.path() / "empty").close();
  for (const char* bad : {"text", "empty"}) {
    const core::CommandResult result = drill({"diff", "edge/latest", "--file", (scratch.path() / bad).string()});
    INFO(bad << result.err);
    CHECK(result.exit_code == 1);
    CHECK_THAT(result.err, Contains(bad));
  }
  bench::spoil(store / "edge" / name(0));
  CHECK(drill({"diff", "edge/" + name(0), "other/latest", "--json"}).exit_code == 1);
}

TEST_CASE_METHOD(Shop,
                 "log follows an object to where it vanished, and ends with the command that exports it from the last "
                 "snapshot that has it") {
  REQUIRE(import().exit_code == 0);
  const core::CommandResult text = drill({"log", "secrets/shop/db"});
  INFO(text.out << text.err);
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out, Contains("VANISHED") && Contains("deleted at revision") && !Contains(bench::kCanary));
  const auto document = bench::parse(drill({"log", "--json", "secret/shop/db"}));
  CHECK(document.at("schema") == "k3s-drill/log/1");
  CHECK(document.at("vanished").at("last_with") == name(1));
  CHECK(document.at("vanished").at("first_without") == name(2));
  CHECK(document.at("events").size() == 3);
  CHECK(document.at("object").at("key") == "/registry/secrets/shop/db");
  const std::string command = "drill --config " + config.string() + " explore edge/" + name(1) + " --export shop-" +
                              name(1) + " --namespace shop --kind secrets";
  CHECK_THAT(text.out, Catch::EndsWith("\n  " + command + "\n"));
  std::string words;
  for (const std::string& word : document.at("vanished").at("get_back").get<std::vector<std::string>>())
    words += (words.empty() ? "" : " ") + word;
  CHECK(words == command);
  const auto there = bench::parse(drill({"log", "--json", "deployments.apps/default/web"}));
  CHECK(there.at("vanished").is_null());
  CHECK(there.at("stays").at(0).at("snapshots") == 4);
}

TEST_CASE_METHOD(Shop, "log names near objects for one that is nowhere, and refuses what is no object") {
  REQUIRE(import().exit_code == 0);
  const core::CommandResult none = drill({"log", "secrets/default/pasword"});
  CHECK(none.exit_code == 3);
  CHECK_THAT(none.err, Contains("in any of 4 snapshots of edge; the newest has secrets/default/password"));
  CHECK(bench::parse(drill({"log", "--json", "pods/a/b"})).at("kind") == "not_found");
  for (const char* bad : {"", "secrets", "/registry/", "/registry/ranges/serviceips", "secrets//x", "a/b/c/d",
                          "secrets/\x1b[2J/x", "secrets/shop/\xff"}) {
    const core::CommandResult result = drill({"log", bad});
    INFO(bad << result.err);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, !Contains("\x1b"));
  }
  CHECK(drill({"log"}).exit_code == 2);
  CHECK(drill({"log", "secrets/shop/db", "--cluster", "nowhere"}).exit_code == 2);
  CHECK(drill({"log", "secrets/shop/db", "--cluster", "../edge"}).exit_code == 2);
  REQUIRE(import("other").exit_code == 0);
  CHECK_THAT(drill({"log", "secrets/shop/db"}).err, Contains("say --cluster with one of edge, other"));
  CHECK(drill({"log", "secrets/shop/db", "--cluster", "other"}).exit_code == 0);
}

TEST_CASE_METHOD(Shop, "log passes over snapshots that are damaged and names them") {
  REQUIRE(import().exit_code == 0);
  bench::spoil(store / "edge" / name(1));
  const auto document = bench::parse(drill({"log", "--json", "secrets/shop/db"}));
  const auto& passed_over = document.at("passed_over");
  REQUIRE_FALSE(passed_over.empty());
  CHECK(document.at("snapshots").get<std::size_t>() + passed_over.size() == 4);
  CHECK(document.at("vanished").at("last_with") == name(0));
  CHECK_THAT(drill({"log", "secrets/shop/db"}).out, Contains("not read   edge/" + name(1)));
  for (const int hour : {0, 1, 2, 3}) bench::spoil(store / "edge" / name(hour));
  CHECK(drill({"log", "secrets/shop/db"}).exit_code == 1);
}

TEST_CASE_METHOD(
    Shop,
    "log takes the newest snapshot that has the object and did not fail, and asks kubectl for what no export holds") {
  REQUIRE(import().exit_code == 0);
  std::ofstream(store / "edge" / name(1) / "verify.json")
      << R"({"schema": "k3s-drill/verify/1", "verdict": "fail", "started_at": "2026-09-22T00:00:00Z"})";
  CHECK_THAT(drill({"log", "secrets/shop/db"}).out, Contains(" explore edge/" + name(0) + " --export shop-" + name(0)));
  CHECK_THAT(drill({"log", "namespaces/shop"}).out, Catch::EndsWith(" --namespace shop\n"));
}
