#include "reports/evidence.hpp"

#include <nlohmann/json.hpp>

namespace reports {
namespace {

using json = nlohmann::json;

const json* member(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string text(const json& object, const char* name) {
  const json* value = member(object, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<double> number(const json& object, const char* name) {
  const json* value = member(object, name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

std::optional<std::uint64_t> count(const json& object, const char* name) {
  const json* value = member(object, name);
  if (value == nullptr || !value->is_number_unsigned()) return std::nullopt;
  return value->get<std::uint64_t>();
}

std::string first_message(const json& part) {
  const json* findings = member(part, "findings");
  if (findings == nullptr || !findings->is_array()) return {};
  std::string otherwise;
  for (const json& finding : *findings) {
    if (text(finding, "severity") == "error") return text(finding, "message");
    if (otherwise.empty()) otherwise = text(finding, "message");
  }
  return otherwise;
}

void take_problems(const json& document, const char* list, EvidenceSummary& summary) {
  const json* parts = member(document, list);
  if (parts == nullptr || !parts->is_array()) return;
  for (const json& part : *parts) {
    const std::string verdict = text(part, "verdict");
    if (verdict == "fail" || verdict == "could_not_run")
      summary.problems.push_back({text(part, "name"), verdict, first_message(part)});
  }
}

}  // namespace

std::optional<EvidenceSummary> read_evidence(std::string_view evidence) {
  const json document = json::parse(evidence, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  EvidenceSummary summary;
  take_problems(document, "checks", summary);
  take_problems(document, "phases", summary);
  summary.rto_seconds = number(document, "rto_seconds");
  if (text(document, "schema") == "k3s-drill/run/1") {
    summary.captured_lag_seconds = number(document, "rpo_seconds");
  } else {
    summary.rpo_seconds = number(document, "rpo_seconds");
    summary.captured_lag_seconds = number(document, "captured_lag_seconds");
  }
  if (const json* engine = member(document, "engine"); engine != nullptr && engine->is_object())
    summary.engine = text(*engine, "kind") + " " + text(*engine, "version");
  if (const json* objects = member(document, "objects")) {
    summary.objects_total = count(*objects, "expected");
    if (!summary.objects_total) summary.objects_total = count(*objects, "total");
    summary.objects_matched = count(*objects, "matched");
  }
  return summary;
}

}  // namespace reports
