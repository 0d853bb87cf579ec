#include "drill/verdict.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reports/json.hpp"
#include "reports/text.hpp"
#include "tests/catch.hpp"
#include "verifier/verdict.hpp"

using namespace std::chrono_literals;
using core::CheckVerdict;
using drill::snapshot_verdict_of;

namespace {

core::Check check(CheckVerdict verdict) { return {"decode", verdict, {}, 1ms}; }

verifier::Verification verification(const std::vector<CheckVerdict>& verdicts) {
  verifier::Verification result;
  for (const CheckVerdict verdict : verdicts) result.checks.push_back(check(verdict));
  return result;
}

drill::DrillReport proven_drill() {
  drill::DrillReport report;
  for (const char* name :
       {"select", "fetch", "verify", "place", "start", "datastore", "bootstrap", "ready", "list", "prove", "teardown"})
    report.phases.push_back({name, 0ns, 1ms, CheckVerdict::pass, {}});
  report.rto = 3s;
  report.rpo = 1min;
  report.verification = verification({CheckVerdict::pass});
  return report;
}

}  // namespace

TEST_CASE("a failing finding makes fail, whatever else there is") {
  CHECK(verdict_of(verification({CheckVerdict::pass, CheckVerdict::could_not_run, CheckVerdict::fail})) ==
        core::Verdict::fail);
}

TEST_CASE("what could not run makes inconclusive, and so does incomplete coverage") {
  CHECK(verdict_of(verification({CheckVerdict::pass, CheckVerdict::could_not_run})) == core::Verdict::inconclusive);
  verifier::Verification incomplete = verification({CheckVerdict::pass});
  incomplete.coverage.rows_total = 1;
  CHECK(verdict_of(incomplete) == core::Verdict::inconclusive);
}

TEST_CASE("a skipped check does not spoil a pass and never makes one") {
  CHECK(verdict_of(verification({CheckVerdict::pass, CheckVerdict::skipped})) == core::Verdict::pass);
  CHECK(verdict_of(verification({CheckVerdict::skipped})) == core::Verdict::inconclusive);
  CHECK(verdict_of(verification({})) == core::Verdict::inconclusive);
}

TEST_CASE("a drill passes only when its objects were compared") {
  drill::DrillReport report = proven_drill();
  CHECK(verdict_of(report) == core::Verdict::pass);
  report.phases.at(9).verdict = CheckVerdict::skipped;
  CHECK(verdict_of(report) == core::Verdict::inconclusive);
}

TEST_CASE("a damaged twin that could not be drilled makes the night inconclusive") {
  drill::DrillReport report = proven_drill();
  report.phases.push_back({"control", 0ns, 1ms, CheckVerdict::pass, {}});
  CHECK(verdict_of(report) == core::Verdict::pass);
  report.phases.back().verdict = CheckVerdict::could_not_run;
  CHECK(verdict_of(report) == core::Verdict::inconclusive);
}

TEST_CASE("a missed objective is a fail, one not set is none") {
  drill::DrillReport report = proven_drill();
  CHECK_FALSE(report.objectives_met());
  report.objectives.rto = 2s;
  CHECK(report.objectives_met() == false);
  CHECK(verdict_of(report) == core::Verdict::fail);
  CHECK(snapshot_verdict_of(report) == core::Verdict::pass);
  report.objectives.rto = 10s;
  CHECK(verdict_of(report) == core::Verdict::pass);
}

TEST_CASE("an objective that is set but was not measured is inconclusive") {
  drill::DrillReport report = proven_drill();
  report.objectives.rpo = 1h;
  report.rpo.reset();
  CHECK(verdict_of(report) == core::Verdict::inconclusive);
}

TEST_CASE("a missed RPO is a fail of the night and none of the snapshot") {
  drill::DrillReport report = proven_drill();
  report.rpo = 30 * 24h;
  CHECK(verdict_of(report) == core::Verdict::pass);
  report.objectives.rpo = 2h;
  CHECK(report.objectives_met() == false);
  CHECK(verdict_of(report) == core::Verdict::fail);
  CHECK(snapshot_verdict_of(report) == core::Verdict::pass);
}

TEST_CASE("the text of a drill says the RPO in words, and what was left out without a warning") {
  drill::DrillReport report = proven_drill();
  report.snapshot = "edge/20261124T020000Z";
  report.rpo = 133min;
  report.objectives.rpo = 3h;
  CHECK_THAT(
      reports::run_text(report, {reports::Colour::no, 120}),
      Catch::Contains("RPO          2 h 13 min since the capture of edge/20261124T020000Z (objective 3 h 0 min)\n"));
  report.objectives.rpo = 2h;
  CHECK_THAT(reports::run_text(report, {reports::Colour::no, 120}),
             Catch::Contains(" (objective 2 h 0 min, missed)\n"));
  report.objectives.rpo = 3h;
  for (const char* name : {"lineage", "census"})
    report.verification->checks.push_back(
        {name, CheckVerdict::skipped, {{core::Severity::note, "skipped: there is none before", {}, {}}}, 1ms});
  const std::string text = reports::run_text(report, {reports::Colour::no, 120});
  CHECK_THAT(text, Catch::Contains("  not checked  lineage, census: there is none before\n"));
  CHECK(text.find("warning") == std::string::npos);
  CHECK(text.find("skipped") == std::string::npos);
}

TEST_CASE("the text of a drill that could not begin says why, that nothing was tried, and nothing else") {
  drill::DrillReport report;
  report.snapshot = "edge/20261124T020000Z";
  report.phases = {{"select", 0s, 10ms, CheckVerdict::could_not_run, {{core::Severity::error, "no k3s", {}, {}}}}};
  for (const char* name : {"fetch", "verify", "place", "start", "ready", "list", "prove", "control"})
    report.phases.push_back({name, 10ms, 0s, CheckVerdict::skipped, {}});
  report.phases.push_back({"teardown", 10ms, 1ms, CheckVerdict::pass, {}});
  CHECK(reports::run_text(report, {reports::Colour::no, 120}) ==
        "inconclusive  edge/20261124T020000Z\n"
        "  select       could not run     0.01 s\n"
        "      no k3s\n"
        "  teardown     pass              0.00 s\n"
        "  not reached  fetch, verify, place, start, ready, list, prove, control\n"
        "  nothing was tried: this says nothing about the snapshot\n");
}

TEST_CASE("the text of a drill says which checks warned, and where to read of what") {
  drill::DrillReport report = proven_drill();
  report.snapshot = "edge/20261124T020000Z";
  const core::Finding left_over{core::Severity::warning, "custom resources without their definition", {}, {}};
  const core::Finding known{core::Severity::note, "ServerCA expires", {}, {}};
  report.verification->checks.push_back({"references", CheckVerdict::pass, {left_over, left_over, known}, 1ms});
  report.verification->checks.push_back({"bootstrap", CheckVerdict::pass, {known}, 1ms});
  CHECK(verdict_of(report) == core::Verdict::pass);
  CHECK_THAT(reports::run_text(report, {reports::Colour::no, 120}),
             Catch::Contains("  warned       references 2: drill verify says of what\n"));
}

TEST_CASE("a damaged newer snapshot fails the night but not the snapshot that was restored") {
  drill::DrillReport report = proven_drill();
  report.phases.at(0).verdict = CheckVerdict::fail;
  CHECK(verdict_of(report) == core::Verdict::fail);
  CHECK(snapshot_verdict_of(report) == core::Verdict::pass);
}

TEST_CASE("what a drill leaves behind fails the night but not the snapshot that was restored") {
  drill::DrillReport report = proven_drill();
  report.phases.back().verdict = CheckVerdict::fail;
  CHECK(verdict_of(report) == core::Verdict::fail);
  CHECK(snapshot_verdict_of(report) == core::Verdict::pass);
  report.phases.back().verdict = CheckVerdict::could_not_run;
  CHECK(verdict_of(report) == core::Verdict::inconclusive);
  CHECK(snapshot_verdict_of(report) == core::Verdict::pass);
}

TEST_CASE("exit codes are those of the contract") {
  CHECK(core::exit_code(core::Verdict::pass) == 0);
  CHECK(core::exit_code(core::Verdict::fail) == 1);
  CHECK(core::exit_code(core::Verdict::inconclusive) == 3);
}

TEST_CASE("the run report has every field of the contract") {
  const auto document = nlohmann::json::parse(reports::run_json("edge", proven_drill()));
  CHECK(document.at("schema") == "k3s-drill/run/2");
  for (const char* field : {"verdict", "cluster", "snapshot", "started_at", "engine", "phases", "rto_seconds",
                            "rpo_seconds", "captured_lag_seconds", "objectives", "objects", "compared_with", "checks",
                            "control", "teardown", "host", "not_covered"})
    CHECK(document.contains(field));
  CHECK(document.at("rto_seconds") == 3.0);
  CHECK(document.at("objectives").at("met").is_null());
  for (const char* field : {"expected", "matched", "missing", "unexpected", "different", "examples"})
    CHECK(document.at("objects").contains(field));
}

TEST_CASE("the verify report has every field of the contract") {
  const auto document = nlohmann::json::parse(
      reports::verify_json({"edge/20261123T231700Z", {}, {}, verification({CheckVerdict::pass})}));
  CHECK(document.at("schema") == "k3s-drill/verify/1");
  for (const char* field : {"verdict", "snapshot", "revision", "compact_revision", "rows", "objects", "internal_keys",
                            "checks", "coverage", "duration_seconds"})
    CHECK(document.contains(field));
  for (const char* field : {"total", "namespaces", "by_resource", "by_namespace", "cluster_scoped"})
    CHECK(document.at("objects").contains(field));
}

TEST_CASE("text out of a database neither breaks the JSON nor steers the terminal") {
  verifier::Verification hostile = verification({CheckVerdict::fail});
  hostile.checks[0].findings.push_back(
      {core::Severity::error, "bad \x1b[2J \xff name", "/registry/pods/\x07/\xc3", core::Revision{7}});
  const reports::VerifyOutcome outcome{"a", {}, {}, hostile};
  CHECK_NOTHROW(nlohmann::json::parse(reports::verify_json(outcome)));
  const std::string text = reports::verify_text(outcome, reports::Colour::no);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\x07') == std::string::npos);
}

TEST_CASE("thousands of findings are summed up, not dumped") {
  verifier::Verification many = verification({CheckVerdict::fail});
  for (int i = 0; i < 5000; ++i) many.checks[0].findings.push_back({core::Severity::error, "broken", {}, {}});
  const std::string text = reports::verify_text({"a", {}, {}, many}, reports::Colour::no);
  CHECK(std::count(text.begin(), text.end(), '\n') < 20);
  CHECK(text.find("5000 times: broken") != std::string::npos);
}
