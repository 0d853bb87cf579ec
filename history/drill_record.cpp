#include "history/drill_record.hpp"

#include <array>
#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/json_text.hpp"
#include "core/verdict.hpp"
#include "drill/verdict.hpp"
#include "verifier/verdict.hpp"

namespace history {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "k3s-drill/drill-record/2";
constexpr std::string_view kOldSchema = "k3s-drill/drill-record/1";
constexpr std::size_t kLineBytes = 1U << 16U;  // a real one has less than 2 KiB
constexpr double kLongestSeconds = 1e7;        // a third of a year: no drill, and squares of it stay finite
constexpr double kOldestSeconds = 1e10;        // three hundred years: no snapshot
constexpr std::size_t kPhases = 64;            // twelve today

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json seconds_or_null(const std::optional<double>& seconds) {
  return seconds && std::isfinite(*seconds) ? json(*seconds) : json(nullptr);
}

json prediction_json(const std::optional<Prediction>& predicted) {
  if (!predicted) return nullptr;
  return {{"rto_seconds", seconds_or_null(predicted->seconds)},
          {"low_seconds", seconds_or_null(predicted->low_seconds)},
          {"high_seconds", seconds_or_null(predicted->high_seconds)}};
}

// Thrown and caught in this file only: a line that is not of this form is no failure, there is just one fewer.
struct NotARecord : std::exception {
  const char* what() const noexcept override { return "not a line that drill writes"; }
};

const json& member(const json& object, const char* name) {
  static const json none;
  if (!object.is_object()) throw NotARecord();
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string text(const json& object, const char* name) {
  const json& value = member(object, name);
  if (value.is_null()) return {};
  if (!value.is_string()) throw NotARecord();
  return value.get<std::string>();
}

std::uint64_t count(const json& object, const char* name) {
  const json& value = member(object, name);
  if (value.is_null()) return 0;
  if (!value.is_number_unsigned()) throw NotARecord();
  return value.get<std::uint64_t>();
}

double checked_seconds(const json& value, double most = kLongestSeconds) {
  if (!value.is_number()) throw NotARecord();
  const double number = value.get<double>();
  if (!(number >= 0 && number <= most)) throw NotARecord();
  return number;
}

std::optional<double> seconds(const json& object, const char* name, double most = kLongestSeconds) {
  const json& value = member(object, name);
  if (value.is_null()) return std::nullopt;
  return checked_seconds(value, most);
}

std::string verdict(const json& object, const char* name) {
  std::string word = text(object, name);
  for (const core::Verdict known : {core::Verdict::pass, core::Verdict::fail, core::Verdict::inconclusive})
    if (word == to_string(known)) return word;
  throw NotARecord();
}

std::optional<Prediction> prediction(const json& value) {
  if (value.is_null()) return std::nullopt;
  const auto part = [&](const char* name) { return checked_seconds(member(value, name)); };
  return Prediction{part("rto_seconds"), part("low_seconds"), part("high_seconds")};
}

DrillRecord record_from(const json& document) {
  const std::string schema = text(document, "schema");
  if (schema != kSchema && schema != kOldSchema) throw NotARecord();
  DrillRecord record;
  const auto started_at = core::parse_rfc3339(text(document, "started_at"));
  if (!started_at) throw NotARecord();
  record.started_at = *started_at;
  record.snapshot = text(document, "snapshot");
  record.verdict = verdict(document, "verdict");
  record.snapshot_verdict = verdict(document, "snapshot_verdict");
  if (const json& engine = member(document, "engine"); !engine.is_null()) {
    record.engine = text(engine, "kind");
    record.engine_version = text(engine, "version");
  }
  record.drill_version = text(document, "drill_version");
  record.cpu_count = count(document, "cpu_count");
  record.size = {count(document, "size_bytes"), count(document, "objects")};
  record.rows = count(document, "rows");
  record.rto_seconds = seconds(document, "rto_seconds");
  if (schema == kSchema) record.rpo_seconds = seconds(document, "rpo_seconds", kOldestSeconds);
  record.captured_lag_seconds =
      seconds(document, schema == kSchema ? "captured_lag_seconds" : "rpo_seconds", kOldestSeconds);
  if (const json& phases = member(document, "phases"); !phases.is_null()) {
    if (!phases.is_object() || phases.size() > kPhases) throw NotARecord();
    for (const auto& [name, value] : phases.items()) record.phases[name] = checked_seconds(value);
  }
  if (const json& control = member(document, "control"); !control.is_null()) {
    record.control_fault = text(control, "fault");
    record.control_verdict = text(control, "verdict");
  }
  record.predicted = prediction(member(document, "predicted"));
  return record;
}

}  // namespace

DrillRecord record_of(const drill::DrillReport& report) {
  DrillRecord record;
  record.started_at = report.started_at;
  record.snapshot = report.snapshot.substr(report.snapshot.find('/') + 1);
  record.verdict = to_string(verdict_of(report));
  record.snapshot_verdict = to_string(snapshot_verdict_of(report));
  if (report.engine) {
    record.engine = drill::to_string(report.engine->kind);
    record.engine_version = report.engine->version;
  }
  record.drill_version = DRILL_VERSION;
  record.cpu_count = std::thread::hardware_concurrency();
  if (report.verification) {
    record.size = {report.verification->size_bytes, report.verification->census.objects_total};
    record.rows = report.verification->rows.total;
  }
  if (report.rto) record.rto_seconds = core::to_seconds(*report.rto);
  if (report.rpo) record.rpo_seconds = core::to_seconds(*report.rpo);
  if (report.captured_lag) record.captured_lag_seconds = core::to_seconds(*report.captured_lag);
  for (const drill::Phase& phase : report.phases)
    if (phase.verdict == core::CheckVerdict::pass) record.phases[phase.name] = core::to_seconds(phase.duration);
  record.control_verdict = core::to_string(report.control ? report.control->verdict : core::CheckVerdict::skipped);
  if (report.control) record.control_fault = drill::to_string(report.control->fault);
  return record;
}

std::string to_line(const DrillRecord& record) {
  json engine;
  if (!record.engine.empty()) engine = {{"kind", record.engine}, {"version", record.engine_version}};
  const json document = {
      {"schema", kSchema},
      {"started_at", core::format_rfc3339(record.started_at)},
      {"snapshot", text_or_null(record.snapshot)},
      {"verdict", record.verdict},
      {"snapshot_verdict", record.snapshot_verdict},
      {"engine", engine},
      {"drill_version", record.drill_version},
      {"cpu_count", record.cpu_count},
      {"size_bytes", record.size.size_bytes},
      {"objects", record.size.objects},
      {"rows", record.rows},
      {"rto_seconds", seconds_or_null(record.rto_seconds)},
      {"rpo_seconds", seconds_or_null(record.rpo_seconds)},
      {"captured_lag_seconds", seconds_or_null(record.captured_lag_seconds)},
      {"phases", record.phases},
      {"control", {{"fault", text_or_null(record.control_fault)}, {"verdict", text_or_null(record.control_verdict)}}},
      {"predicted", prediction_json(record.predicted)}};
  return core::json_text(document, core::JsonLayout::line);
}

std::optional<DrillRecord> record_from_line(std::string_view line) {
  if (line.size() > kLineBytes) return std::nullopt;
  const json document = json::parse(line, nullptr, false);
  try {
    return record_from(document);
  } catch (const NotARecord&) {
    return std::nullopt;
  }
}

}  // namespace history
