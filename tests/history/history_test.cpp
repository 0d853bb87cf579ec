#include "reports/history.hpp"

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "history/change_point.hpp"
#include "history/history.hpp"
#include "reports/json.hpp"
#include "tests/catch.hpp"
#include "tests/history/noise.hpp"

using namespace std::chrono_literals;

namespace {

const core::UtcTime kFirstNight = *core::parse_rfc3339("2026-09-01T02:40:00Z");

history::DrillRecord night(int number, double ready) {
  history::DrillRecord record;
  record.started_at = kFirstNight + std::chrono::hours(24 * number);
  record.snapshot = core::format_compact(record.started_at - 20min);
  record.verdict = record.snapshot_verdict = "pass";
  record.engine = "k3s";
  record.engine_version = "v1.36.2+k3s1";
  record.drill_version = "0.1.0";
  record.cpu_count = 2;
  record.size = {36'000'000, 11'000};
  record.rows = 12'000;
  record.phases = {{"start", 0.1},   {"datastore", 0.2}, {"bootstrap", 0.03},
                   {"ready", ready}, {"list", 0.7},      {"prove", 0.01}};
  record.rto_seconds = ready + 1.5;
  record.control_verdict = "skipped";
  return record;
}

// `count` nights around 2.1 s, then `slow` around 4.0 s.
history::DrillHistory nights(int count, int slow = 0) {
  history::DrillHistory history;
  noise::Dice dice(7);
  for (int i = 0; i < count + slow; ++i)
    history::add_drill(history, night(i, (i < count ? 2.1 : 4.0) * (1 + 0.05 * dice.normal())));
  return history;
}

void change_from(history::DrillHistory& history, std::size_t first,
                 const std::function<void(history::DrillRecord&)>& how) {
  for (std::size_t i = first; i < history.records.size(); ++i) how(history.records[i]);
  history::assess(history);
}

const history::Change& change_of(const history::DrillHistory& history, const std::string& phase) {
  for (const history::Change& change : history.changes)
    if (change.phase == phase) return change;
  throw std::runtime_error("no change of " + phase);
}

drill::DrillReport drill_of(double seconds) {
  drill::DrillReport report;
  for (const char* name :
       {"select", "fetch", "verify", "place", "start", "datastore", "bootstrap", "ready", "list", "prove", "teardown"})
    report.phases.push_back({name, 0ns, 100ms, core::CheckVerdict::pass, {}});
  report.snapshot = "edge/20261124T020000Z";
  report.engine = drill::EngineChoice{drill::EngineKind::standin, "v1", "x"};
  report.rto = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  verifier::Verification verification;
  verification.checks.push_back({"decode", core::CheckVerdict::pass, {}, 1ms});
  verification.size_bytes = 36'000'000;
  verification.census.objects_total = 11'000;
  verification.rows.total = 12'000;
  report.verification = verification;
  return report;
}

}  // namespace

TEST_CASE("a drill is kept as a line and comes back as it was") {
  history::DrillRecord record = history::record_of(drill_of(3.25));
  record.predicted = history::Prediction{3, 2, 4};
  const std::string line = history::to_line(record);
  CHECK(line.find('\n') == std::string::npos);
  const std::optional<history::DrillRecord> back = history::record_from_line(line);
  REQUIRE(back);
  CHECK(back->snapshot == "20261124T020000Z");
  CHECK(back->verdict == "pass");
  CHECK(back->engine == "standin");
  CHECK(back->size.size_bytes == 36'000'000);
  CHECK(back->size.objects == 11'000);
  CHECK(back->rows == 12'000);
  CHECK(back->rto_seconds == 3.25);
  CHECK(back->phases.at("ready") == 0.1);
  CHECK(back->predicted->high_seconds == 4);
  CHECK(history::to_line(*back) == line);
}

TEST_CASE("the RPO of a drill is kept, however old the snapshot was, and is not what an older drill called so") {
  drill::DrillReport report = drill_of(3.25);
  report.rpo = 1000 * 24h;
  report.captured_lag = 200ms;
  const std::string line = history::to_line(history::record_of(report));
  const auto back = history::record_from_line(line);
  REQUIRE(back);
  CHECK(back->rpo_seconds == 86'400'000.0);
  CHECK(back->captured_lag_seconds == 0.2);
  const auto old = history::record_from_line(
      R"({"schema":"k3s-drill/drill-record/1","started_at":"2026-11-24T02:40:00Z","verdict":"pass","snapshot_verdict":"pass","rpo_seconds":0.2})");
  REQUIRE(old);
  CHECK_FALSE(old->rpo_seconds);
  CHECK(old->captured_lag_seconds == 0.2);
}

TEST_CASE("a drill that restored nothing is kept as one that failed") {
  drill::DrillReport report;
  report.phases = {{"select", 0ns, 1ms, core::CheckVerdict::fail, {}}};
  const auto back = history::record_from_line(history::to_line(history::record_of(report)));
  REQUIRE(back);
  CHECK(back->verdict == "fail");
  CHECK_FALSE(back->restored());
  CHECK_FALSE(back->rto_seconds);
}

TEST_CASE("lines that are no record are counted and never fatal") {
  const std::string good = history::to_line(night(0, 2));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string line = good;
    const std::size_t at = line.find(from);
    REQUIRE(at != std::string::npos);
    return line.replace(at, from.size(), to);
  };
  const std::vector<std::string> bad{good.substr(0, good.size() / 2),
                                     "{}",
                                     "[]",
                                     "null",
                                     "7",
                                     "\xff\xfe",
                                     std::string(5000, '['),
                                     std::string(100'000, ' '),
                                     good + good,
                                     with("drill-record/2", "drill-record/3"),
                                     with("\"verdict\":\"pass\"", "\"verdict\":\"fine\""),
                                     with("\"verdict\":\"pass\"", "\"verdict\":1"),
                                     with("2026-09-01T02:40:00Z", "yesterday"),
                                     with("\"rto_seconds\":3.5", "\"rto_seconds\":-3.5"),
                                     with("\"rto_seconds\":3.5", "\"rto_seconds\":1e300"),
                                     with("\"rto_seconds\":3.5", "\"rto_seconds\":1e999"),
                                     with("\"rto_seconds\":3.5", "\"rto_seconds\":\"3\""),
                                     with("\"rto_seconds\":3.5", "\"rto_seconds\":NaN"),
                                     with("\"cpu_count\":2", "\"cpu_count\":-2"),
                                     with("\"size_bytes\":36000000", "\"size_bytes\":1.5"),
                                     with("\"ready\":2.0", "\"ready\":[]"),
                                     with("\"engine\":{\"kind\":\"k3s\"", "\"engine\":{\"kind\":{}")};
  for (const std::string& line : bad) {
    INFO(line.substr(0, 300));
    CHECK_FALSE(history::record_from_line(line));
  }
  std::vector<std::string> lines = bad;
  lines.insert(lines.begin() + 3, {good, ""});
  const history::DrillHistory history = history::read_history(lines);
  CHECK(history.records.size() == 1);
  CHECK(history.broken_lines == bad.size());
}

TEST_CASE("a phase that takes longer is told with both averages and the date") {
  history::DrillHistory history = nights(64, 10);
  history::assess(history);
  const history::Change& ready = change_of(history, "ready");
  CHECK(ready.message == "ready took 2.1 s on average until 3 November, 4.0 s since");
  CHECK(core::format_rfc3339(ready.since) == "2026-11-04T02:40:00Z");
  CHECK(ready.cause.empty());
  CHECK(history.changes.size() == 2);  // ready, and the restore as a whole
  CHECK(history::warnings(history).size() == 1);
}

TEST_CASE("what else changed on that night is named as the likely cause") {
  history::DrillHistory history = nights(64, 10);
  change_from(history, 64, [](history::DrillRecord& record) { record.engine_version = "v1.37.0+k3s1"; });
  CHECK(change_of(history, "ready").cause == "k3s went from v1.36.2+k3s1 to v1.37.0+k3s1");
  change_from(history, 64, [](history::DrillRecord& record) { record.cpu_count = 1; });
  CHECK_THAT(
      change_of(history, "ready").message,
      Catch::EndsWith("4.0 s since; likely because k3s went from v1.36.2+k3s1 to v1.37.0+k3s1, the host went from 2 "
                      "CPUs to 1 CPU"));
  history::DrillHistory other = nights(64, 10);
  change_from(other, 60, [](history::DrillRecord& record) { record.engine_version = "v1.37.0+k3s1"; });
  CHECK(change_of(other, "ready").cause.empty());  // four nights earlier
  change_from(other, 64, [](history::DrillRecord& record) { record.size.objects = 30'000; });
  CHECK(change_of(other, "ready").cause == "the cluster went from 11000 to 30000 objects");
}

TEST_CASE("a night of another year is told with its year") {
  history::DrillHistory history = nights(64, 60);
  history::assess(history);
  CHECK_THAT(change_of(history, "ready").message, Catch::Contains("until 3 November 2026, "));
  CHECK(history::warnings(history).empty());  // old news
}

TEST_CASE("single slow nights, growth and drills of another engine are no change") {
  history::DrillHistory history = nights(60);
  for (const std::size_t slow : {20U, 41U, 42U, 58U, 59U}) history.records[slow].phases["ready"] = 9;
  history::assess(history);
  CHECK(history.changes.empty());

  history::DrillHistory growing = nights(80);
  for (std::size_t i = 0; i < 80; ++i) growing.records[i].phases["ready"] *= 1 + 0.02 * static_cast<double>(i);
  history::assess(growing);
  CHECK(growing.changes.empty());
  CHECK(growing.trends.at(4).subject == "ready");
  CHECK(growing.trends.at(4).slope == Approx(0.042).epsilon(0.3));

  history::DrillHistory mixed = nights(30, 30);
  for (std::size_t i = 0; i < 30; ++i) mixed.records[i].engine = "standin";
  history::assess(mixed);
  CHECK(mixed.changes.empty());
  CHECK(mixed.trends.at(0).drills == 30);
}

TEST_CASE("a missed objective does not hide what was measured, a failed restore is not measured") {
  history::DrillHistory history = nights(30, 10);
  change_from(history, 30, [](history::DrillRecord& record) { record.verdict = "fail"; });
  CHECK(history.passed_of_last_30 == 20);
  CHECK(change_of(history, "ready").drills_since == 10);
  change_from(history, 30, [](history::DrillRecord& record) { record.snapshot_verdict = "fail"; });
  CHECK(history.changes.empty());
  CHECK(history.trends.at(0).drills == 30);
}

TEST_CASE("steady noise raises an alarm in fewer than one of a hundred histories of ninety nights") {
  // The machines of the change table, half of its histories; seven phases, looked at every night.
  for (const noise::Machine& machine : noise::kMachines) {
    INFO(machine.name);
    std::size_t alarms = 0;
    constexpr std::size_t kHistories = 1000;
    for (std::size_t seed = 1; seed <= kHistories; ++seed) {
      noise::Dice dice(seed);
      bool alarm = false;
      for (const double seconds : {0.15, 0.2, 0.3, 2.5, 0.7, 1.0, 4.0})
        alarm = !history::find_steps(noise::steady(dice, machine, 90, seconds)).empty() || alarm;
      alarms += alarm ? 1 : 0;
    }
    CHECK(alarms <= kHistories / 100);
  }
}

TEST_CASE("after a month, a phase that takes twice as long is told within two weeks nine times in ten") {
  std::size_t told = 0;
  constexpr std::size_t kHistories = 200;
  for (std::size_t seed = 1; seed <= kHistories; ++seed) {
    noise::Dice dice(seed);
    std::vector<double> series = noise::steady(dice, noise::kMachines[1], 44, 2.0);
    for (std::size_t i = 30; i < series.size(); ++i) series[i] *= 2;
    const auto steps = history::find_steps(series);
    told += !steps.empty() && steps.back().first_after >= 28 && steps.back().first_after <= 32 ? 1 : 0;
  }
  CHECK(told >= kHistories * 9 / 10);
}

TEST_CASE("a change that was told stays where it was, and one back is told as well") {
  noise::Dice dice(3);
  std::vector<double> series = noise::steady(dice, noise::kMachines[0], 90, 2.0);
  for (std::size_t i = 30; i < 60; ++i) series[i] *= 2;
  const auto steps = history::find_steps(series);
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].first_after == 30);
  CHECK(steps[1].first_after == 60);
  CHECK(steps[1].before == Approx(4).epsilon(0.05));
  CHECK(steps[1].after == Approx(2).epsilon(0.05));
  CHECK(history::find_steps({series.begin(), series.begin() + 45}).at(0).first_after == 30);
}

TEST_CASE("series without a step, however odd, have none") {
  CHECK(history::find_steps({}).empty());
  CHECK(history::find_steps({1}).empty());
  CHECK(history::find_steps(std::vector<double>(200, 2.0)).empty());
  CHECK(history::find_steps(std::vector<double>(200, 0.0)).empty());
  std::vector<double> tiny(30, 0.01);
  tiny.insert(tiny.end(), 30, 0.03);
  CHECK(history::find_steps(tiny).empty());  // three times nothing
}

TEST_CASE("the first drill has no prediction, the second is expected to take as long") {
  history::DrillHistory history = nights(2);
  CHECK_FALSE(history.records[0].predicted);
  REQUIRE(history.records[1].predicted);
  CHECK(history.records[1].predicted->seconds == Approx(*history.records[0].rto_seconds));
  CHECK(history.records[1].predicted->low_seconds < history.records[1].predicted->seconds);
}

TEST_CASE("a prediction follows the size where earlier drills show that it matters") {
  std::vector<history::TimedDrill> drills;
  noise::Dice dice(5);
  for (std::uint64_t i = 1; i <= 40; ++i) {
    const double grown = 1 + 0.05 * static_cast<double>(i);
    drills.push_back({{static_cast<std::uint64_t>(36e6 * grown), static_cast<std::uint64_t>(11e3 * grown)},
                      (1 + 3 * grown) * (1 + 0.05 * dice.normal())});
  }
  const auto predicted = history::predict(drills, {144'000'000, 44'000});
  REQUIRE(predicted);
  CHECK(predicted->seconds == Approx(13).epsilon(0.1));  // both grew alike, and so does this one
  CHECK(predicted->low_seconds < 13);
  CHECK(predicted->high_seconds > 13);
  drills.resize(1);
  const auto lone = history::predict(drills, {144'000'000, 44'000});
  CHECK(lone->seconds == Approx(drills[0].seconds));
  CHECK(lone->high_seconds - lone->seconds > drills[0].seconds);  // and says that it does not know
}

TEST_CASE("a size that never varied says nothing, and one slow night nothing either") {
  std::vector<history::TimedDrill> drills(20, {{36'000'000, 11'000}, 4.0});
  drills[7].seconds = 60;
  const auto predicted = history::predict(drills, {36'000'000, 11'000});
  CHECK(predicted->seconds == Approx(4).epsilon(0.02));
  CHECK(predicted->high_seconds < 6);
}

TEST_CASE("predictions are finite for any sizes and times") {
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  const std::vector<std::vector<history::TimedDrill>> odd{{{{0, 0}, 1}},
                                                          {{{1, 0}, 1}, {{kMost, kMost}, 1e7}},
                                                          {{{kMost, 1}, 1e-9}, {{1, kMost}, 1e-9}},
                                                          {{{5, 5}, 0}, {{5, 5}, 1e7}, {{5, 5}, 1e7}},
                                                          {{{10, 1}, 1}, {{20, 2}, 2}, {{30, 3}, 3}, {{40, 4}, 4}}};
  for (const auto& drills : odd) {
    for (const history::DrillSize size : {history::DrillSize{0, 0}, {36'000'000, 11'000}, {kMost, kMost}}) {
      const auto predicted = history::predict(drills, size);
      if (!predicted) continue;
      for (const double value : {predicted->seconds, predicted->low_seconds, predicted->high_seconds})
        CHECK(std::isfinite(value));
      CHECK(predicted->low_seconds >= 0);
      CHECK(predicted->low_seconds <= predicted->seconds);
      CHECK(predicted->seconds <= predicted->high_seconds);
    }
  }
  CHECK_FALSE(history::predict({}, {1, 1}));
}

TEST_CASE("drills of another engine or host, and those before a change, predict nothing") {
  history::DrillHistory history = nights(30, 10);
  history::DrillRecord next = night(40, 4.0);
  CHECK(history::predict_next(history.records, next)->seconds == Approx(5.5).epsilon(0.05));
  next.cpu_count = 64;
  CHECK_FALSE(history::predict_next(history.records, next));
  next.cpu_count = 2;
  next.engine = "container";
  CHECK_FALSE(history::predict_next(history.records, next));
}

TEST_CASE("nine of ten steady nights lie within their band, on a quiet and on a usual machine") {
  for (const noise::Machine& machine : {noise::kMachines[0], noise::kMachines[1]}) {
    INFO(machine.name);
    noise::Dice dice(11);
    history::DrillHistory history;
    const std::vector<double> ready = noise::steady(dice, machine, 200, 2.5);
    for (int i = 0; i < 200; ++i) history::add_drill(history, night(i, ready[static_cast<std::size_t>(i)]));
    history::assess(history);
    CHECK(history.accuracy.scored == 199);
    CHECK(history.accuracy.within_share >= 0.9);
    CHECK(history.accuracy.mean_absolute_error_ratio < 0.2);
  }
}

TEST_CASE("a restore outside its band is a warning and leaves the verdict alone") {
  history::DrillHistory history = nights(20);
  history::DrillRecord slow = night(20, 30);
  history::add_drill(history, slow);
  history::assess(history);
  const auto scored = history::score(history.records.back());
  REQUIRE(scored);
  CHECK(scored->band == history::Score::Band::outside);
  CHECK(scored->error_ratio > 5);
  REQUIRE(history::warnings(history).size() == 1);
  CHECK_THAT(history::warnings(history)[0], Catch::StartsWith("the restore took 31.5 s; "));
  const auto run = nlohmann::json::parse(reports::with_history(reports::run_json("edge", drill_of(31.5)), history));
  CHECK(run.at("verdict") == "pass");
  CHECK(run.at("history").at("prediction").at("within") == false);
  CHECK(run.at("history").at("warnings").size() == 1);
  CHECK_THAT(reports::history_lines(history, reports::Colour::no), Catch::Contains("warning: the restore took 31.5 s"));
}

TEST_CASE("the history of a run has every field that is promised, and a plain file has none") {
  history::DrillHistory history = nights(40, 10);
  history::assess(history);
  CHECK(nlohmann::json::parse(reports::run_json("", drill_of(3))).at("history").is_null());
  const auto run = nlohmann::json::parse(reports::with_history(reports::run_json("edge", drill_of(3)), history));
  CHECK(run.at("objects").is_object());
  const auto& said = run.at("history");
  CHECK(said.at("drills") == 50);
  CHECK(said.at("passed_of_last_30") == 30);
  CHECK(said.at("rto").at("last_7_mean_seconds") == Approx(5.5).epsilon(0.1));
  CHECK(said.at("rto").at("last_30_mean_seconds") < 5.0);
  for (const char* field : {"phase", "before_seconds", "after_seconds", "since", "message"})
    CHECK(said.at("changes").at(0).contains(field));
  for (const char* field : {"rto_seconds", "low_seconds", "high_seconds", "error_ratio", "within"})
    CHECK(said.at("prediction").contains(field));
  CHECK(said.at("predictions").at("scored") == 49);
}

TEST_CASE("the table of nights fits a terminal and steers none") {
  history::DrillHistory history = nights(40, 10);
  history.records[49].snapshot = "\x1b[2J";
  history.records[48].engine_version = "\x1b]0;";
  history.records[47].snapshot_verdict = history.records[47].verdict = "fail";
  history.broken_lines = 2;
  history::assess(history);
  const std::string text = reports::history_text({{"edge", history}}, reports::Colour::no);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK_THAT(text, Catch::Contains("edge: 50 drills, 29 of the last 30 passed"));
  CHECK_THAT(text, Catch::Contains("2 lines of drills.jsonl left out"));
  CHECK_THAT(text, Catch::Contains("x▇") || Catch::Contains("x█") || Catch::Contains("x▆"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.find("▁") == std::string::npos) CHECK(line.size() <= 84);
  CHECK_THAT(reports::history_text({{"edge", {}}}, reports::Colour::no), Catch::Contains("edge: no drill yet"));
  CHECK_NOTHROW(nlohmann::json::parse(reports::history_json({{"edge", history}, {"away", {}}})));
}
