// What is read of a command's JSON document, and how results are told.
#include "scenarios/drill_outcome.hpp"

#include "reports/scenario.hpp"
#include "scenarios/runner.hpp"
#include "tests/catch.hpp"

using scenarios::Outcome;

TEST_CASE("of a drill's document the verdict, the failing parts, the snapshot and the costs are read") {
  Outcome outcome;
  outcome.document = R"({"verdict": "fail", "snapshot": {"name": "edge/20261123T231700Z"}, "rpo_seconds": 12.5,
    "rto_seconds": null, "phases": [{"name": "select", "verdict": "fail",
    "findings": [{"severity": "note", "message": "a note"}, {"severity": "error", "message": "it is old"}]},
    {"name": "ready", "verdict": "could_not_run"}, {"name": "list", "verdict": "pass"}]})";
  outcome.log = "drill: warning: look\n";
  read_document(outcome);
  CHECK(outcome.verdict == "fail");
  CHECK(outcome.snapshot == "20261123T231700Z");
  CHECK(outcome.failing == std::vector<std::string>{"select"});
  CHECK(outcome.undone == std::vector<std::string>{"ready"});
  CHECK(outcome.rpo_seconds == 12.5);
  CHECK_FALSE(outcome.rto_seconds);
  CHECK(outcome.texts.find("it is old") != std::string::npos);
  CHECK(outcome.texts.find("warning: look") != std::string::npos);
  CHECK(in_one_line(outcome) == "it is old");
}

TEST_CASE("a command without a document is told by its last line") {
  Outcome outcome;
  outcome.log = "drill: connecting\ndrill: error: no such host\n\n";
  read_document(outcome);
  CHECK(outcome.verdict.empty());
  CHECK(in_one_line(outcome) == "error: no such host");
}

TEST_CASE("results are JUnit XML whatever is in their texts") {
  scenarios::Case one;
  one.name = "a<b";
  one.title = "\"quoted\" & more";
  scenarios::CaseResult failed;
  failed.scenario = &one;
  failed.verdict = scenarios::Verdict::fail;
  failed.reason = "1 < 2\x1b[31m";
  scenarios::CaseResult skipped;
  skipped.scenario = &one;
  skipped.reason = "needs root";
  const std::string xml = reports::scenario_junit({failed, skipped}, std::chrono::seconds(3));
  CHECK(xml.find("tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"3.000\"") != std::string::npos);
  CHECK(xml.find("name=\"a&lt;b\"") != std::string::npos);
  CHECK(xml.find("message=\"&quot;quoted&quot; &amp; more\">1 &lt; 2") != std::string::npos);
  CHECK(xml.find('\x1b') == std::string::npos);
  CHECK(xml.find("<skipped message=\"needs root\"/>") != std::string::npos);
}

TEST_CASE("a case that failed says what was not as expected, where its logs are, and how to run it again") {
  scenarios::Case one;
  one.name = "pull-cut";
  one.title = "The connection breaks";
  scenarios::CaseResult failed;
  failed.scenario = &one;
  failed.verdict = scenarios::Verdict::fail;
  failed.commands.push_back({{}, {"drill pull edge: expected verdict 'pass', and the verdict is fail"}});
  failed.folder = "out/pull-cut";
  const reports::Page page(reports::Colour::no);
  const std::string line = reports::scenario_line(failed, page);
  CHECK(line.starts_with("fail  pull-cut "));
  CHECK(line.find("expected verdict 'pass'") != std::string::npos);
  CHECK(line.find("out/pull-cut") != std::string::npos);
  const std::string summary = reports::scenario_summary({failed, failed}, std::chrono::seconds(3), page);
  CHECK(summary.starts_with("0 passed, 2 failed, 0 skipped in 3.00 s\n"));
  CHECK(summary.ends_with("drill scenario run pull-cut\n"));
}
