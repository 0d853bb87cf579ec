// What a person and a script are shown of differences, lives, proof and findings: summed up, aligned, and safe.
#include "reports/changes.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reports/text.hpp"
#include "tests/catch.hpp"

namespace {

using Catch::Contains;
using reports::Colour;
using reports::Detail;

// Inventories by hand.
struct Hand {
  verifier::Inventory before;
  verifier::Inventory after;

  static void add(verifier::Inventory& inventory, const std::string& resource, const std::string& space,
                  const std::string& name, const std::string& uid, std::int64_t revision) {
    verifier::TextStore& text = *inventory.text;
    std::string key = "/registry/" + resource;
    if (!space.empty()) key += "/" + space;
    inventory.keys.push_back(text.keep(key + "/" + name));
    inventory.objects.push_back(
        {text.keep(resource), text.keep(space), text.keep(name), text.keep(uid), {revision}, "v1"});
  }

  reports::DiffOutcome outcome() const {
    return {{"edge/20261101T001700Z", "edge", {}, &before},
            {"edge/20261101T011700Z", "edge", {}, &after},
            verifier::compare(before, after),
            reports::DiffOutcome::Noise::counted};
  }
};

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::size_t widest(const std::string& text) {
  std::size_t width = 0;
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    width = std::max(width, end - at);
  return width;
}

reports::LogOutcome vanished() {
  reports::LogOutcome outcome;
  outcome.cluster = "edge";
  verifier::ObjectRow row{"/registry/secrets/shop/db", {10}, {7}, verifier::RowKind::changed, "u1", "v1", {}, 100};
  outcome.life =
      verifier::merge_lives({{"20261101T001700Z", {{row}, {100}, {50}}}, {"20261101T011700Z", {{}, {200}, {150}}}})
          .front();
  outcome.get_back = {"drill", "extract", "edge/20261101T001700Z", "--out", "x.db"};
  return outcome;
}

}  // namespace

TEST_CASE_METHOD(Hand, "thousands of deleted objects are summed up under a first line that says it all") {
  add(before, "namespaces", "", "team-007", "n", 1);
  for (int i = 100; i < 5100; ++i) add(before, "secrets", "team-007", "secret-" + std::to_string(i), "u", i);
  add(after, "secrets", "shop", "new", "v", 9000);
  const std::string text = reports::diff_text(outcome(), Colour::no);
  CHECK_THAT(text,
             Catch::StartsWith("edge/20261101T001700Z -> 20261101T011700Z: 1 created, 5001 deleted; 1 namespace gone: "
                               "team-007\n"));
  CHECK_THAT(text, Contains("  ... and 4981 more (-v or --json shows all)"));
  CHECK(lines(text) < 45);
  CHECK(lines(reports::diff_text(outcome(), {Colour::no, 80, Detail::all})) > 5000);
  const auto document = nlohmann::json::parse(reports::diff_json(outcome()));
  CHECK(document.at("schema") == "k3s-drill/diff/1");
  CHECK(document.at("deleted") == 5001);
  CHECK(document.at("namespaces_deleted").at(0) == "team-007");
  CHECK(document.at("changes").size() == 5002);
  CHECK(document.at("groups").size() == 3);
}

TEST_CASE_METHOD(Hand, "events and leases are only counted unless asked for") {
  add(before, "events", "shop", "a", "1", 1);
  add(before, "secrets", "shop", "db", "2", 2);
  add(after, "events", "shop", "b", "3", 3);
  add(after, "secrets", "shop", "db", "4", 4);
  reports::DiffOutcome one = outcome();
  std::string text = reports::diff_text(one, Colour::no);
  CHECK_THAT(text, Contains("1 recreated\n") && Contains("not counted here: events: 1 created, 1 deleted"));
  CHECK_THAT(text, !Contains("events/shop/a"));
  one.noise = reports::DiffOutcome::Noise::listed;
  CHECK_THAT(reports::diff_text(one, Colour::no), Contains("events/shop/a") && Contains("events/shop/b"));
}

TEST_CASE_METHOD(Hand, "names out of a database do not steer the terminal, in colour or without") {
  add(before, "secrets", "shop", "a\x1b[2J", "1", 1);
  CHECK_THAT(reports::diff_text(outcome(), Colour::no), !Contains("\x1b"));
  CHECK_THAT(reports::diff_text(outcome(), Colour::yes), !Contains("\x1b[2J"));
}

TEST_CASE("a life says where the object vanished, how to get it back, and what was compacted") {
  const std::string text = reports::log_text(vanished(), Colour::no);
  CHECK_THAT(text, Contains("secrets/shop/db of edge, over 2 snapshots") && Contains("VANISHED") &&
                       Contains("first missing in 20261101T011700Z, last there in") &&
                       Contains(reports::unbroken("drill extract edge/20261101T001700Z --out x.db")) &&
                       Contains("compacted: revision 7"));
  CHECK(widest(text) <= 80);
  const auto document = nlohmann::json::parse(reports::log_json(vanished()));
  CHECK(document.at("schema") == "k3s-drill/log/1");
  CHECK(document.at("vanished").at("first_without") == "20261101T011700Z");
  CHECK(document.at("vanished").at("deleted_at_revision").is_null());
  CHECK(document.at("events").at(0).at("unknown_before") == 7);
  CHECK(document.at("stays").at(0).at("snapshots") == 1);
}

TEST_CASE("a life of many rows shows the first and the last") {
  std::vector<verifier::ObjectRow> rows;
  for (std::int64_t i = 1; i <= 3000; ++i)
    rows.push_back({"/registry/leases/kube-system/x", {i}, {i - 1}, verifier::RowKind::changed, "u", "v1", {}, 1});
  reports::LogOutcome outcome;
  outcome.cluster = "edge";
  outcome.life = verifier::merge_lives({{"20261101T001700Z", {rows, {3000}, {0}}}}).front();
  const std::string text = reports::log_text(outcome, Colour::no);
  CHECK(lines(text) < 40);
  CHECK_THAT(text, Contains("... 2975 rows more"));
}

TEST_CASE("findings with the same words are one line, errors first, and few notes") {
  std::vector<core::Finding> findings;
  for (int i = 0; i < 9; ++i) findings.push_back({core::Severity::note, "note " + std::to_string(i), {}, {}});
  for (int i = 0; i < 212; ++i)
    findings.push_back({core::Severity::error, "the stored value is empty", "/registry/pods/a/b", core::Revision{7}});
  const std::string text = reports::findings_text(findings, {Colour::no, 200});
  CHECK(text ==
        "      212 times: the stored value is empty, for example [/registry/pods/a/b] at revision 7\n"
        "      note: note 0\n      note: note 1\n      note: note 2\n"
        "      ... and 6 more notes (-v or --json shows all)\n");
  CHECK(lines(reports::findings_text(findings, {Colour::no, 200, Detail::all})) == 10);
}

TEST_CASE("counts stand in as many columns as fit, and the rest is summed up") {
  std::vector<reports::Counted> counts;
  for (int i = 0; i < 100; ++i) counts.push_back({"kind-" + std::to_string(i), 10});
  for (const std::size_t columns : {20UL, 80UL, 200UL}) {
    const std::string text = reports::count_columns(counts, 3, "kinds", {Colour::no, columns});
    CHECK(lines(text) == 4);
    if (columns > 20) CHECK(widest(text) <= columns);
  }
  CHECK_THAT(reports::count_columns(counts, 3, "kinds", {Colour::no, 80}), Contains("880 in 88 more kinds"));
  CHECK(lines(reports::count_columns(counts, 3, "kinds", {Colour::no, 80, Detail::all})) == 25);
  CHECK(reports::count_columns({}, 3, "kinds", Colour::no).empty());
}

TEST_CASE("evidence of any form is read as far as it goes") {
  CHECK_FALSE(reports::read_evidence("no JSON"));
  CHECK_FALSE(reports::read_evidence("[1]"));
  for (const char* odd :
       {"{}", R"({"checks": 3, "engine": "k3s", "objects": []})", R"({"checks": [7, {"verdict": 1}]})",
        R"({"checks": [{"verdict": "fail", "findings": "x"}], "rto_seconds": "1"})"})
    CHECK(reports::read_evidence(odd));
  const auto summary = reports::read_evidence(R"({"checks": [{"name": "decode", "verdict": "fail", "findings":
      [{"severity": "warning", "message": "w"}, {"severity": "error", "message": "e"}]}, {"name": "file", "verdict": "pass"}],
      "engine": {"kind": "k3s", "version": "v1"}, "rto_seconds": 4.5, "objects": {"expected": 7, "matched": 6}})");
  REQUIRE(summary);
  REQUIRE(summary->problems.size() == 1);
  CHECK(summary->problems[0].message == "e");
  CHECK(summary->rto_seconds == 4.5);
  CHECK_FALSE(summary->rpo_seconds);
  CHECK(summary->objects_matched == 6U);
}

TEST_CASE("what an older drill called its RPO is not shown as one") {
  const auto old = reports::read_evidence(R"({"schema": "k3s-drill/run/1", "rpo_seconds": 0.2})");
  REQUIRE(old);
  CHECK_FALSE(old->rpo_seconds);
  CHECK(old->captured_lag_seconds == 0.2);
  const auto now =
      reports::read_evidence(R"({"schema": "k3s-drill/run/2", "rpo_seconds": 8000, "captured_lag_seconds": 0.3})");
  REQUIRE(now);
  CHECK(now->rpo_seconds == 8000);
  CHECK(now->captured_lag_seconds == 0.3);
}
