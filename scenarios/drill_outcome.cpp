#include "scenarios/drill_outcome.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace scenarios {
namespace {

using nlohmann::json;

// "edge/NAME", or a document's snapshot.
std::string snapshot_of(const json& part) {
  if (!part.is_object() || !part.contains("snapshot")) return {};
  const json& snapshot = part["snapshot"];
  const std::string name = snapshot.is_string() ? snapshot.get<std::string>()
                           : snapshot.is_object() && snapshot.contains("name") && snapshot["name"].is_string()
                               ? snapshot["name"].get<std::string>()
                               : std::string();
  return name.substr(name.find('/') == std::string::npos ? 0 : name.find('/') + 1);
}

void collect(const json& value, Outcome& outcome) {
  if (const std::string name = snapshot_of(value); !name.empty() && value.contains("verdict"))
    outcome.verdicts[name] = value["verdict"].is_string() ? value["verdict"].get<std::string>() : std::string();
  if (value.is_string()) outcome.texts += value.get<std::string>() + "\n";
  if (value.is_object() && value.contains("name") && value.contains("verdict") && value["name"].is_string()) {
    if (value["verdict"] == "fail") outcome.failing.push_back(value["name"]);
    if (value["verdict"] == "could_not_run") outcome.undone.push_back(value["name"]);
  }
  if (value.is_structured())
    for (const json& part : value) collect(part, outcome);
}

// Of the document itself, or of the only one of its list.
const json& main_part(const json& document) {
  for (const char* list : {"pulls", "runs", "verifications"})
    if (document.contains(list) && document[list].is_array() && document[list].size() == 1) return document[list][0];
  return document;
}

std::optional<double> number(const json& part, const char* name) {
  if (!part.contains(name) || !part[name].is_number()) return std::nullopt;
  return part[name].get<double>();
}

const json* first_message(const json& value, std::string_view severity) {
  if (value.is_object() && value.value("severity", json()) == severity && value.contains("message"))
    return &value["message"];
  if (!value.is_structured()) return nullptr;
  for (const json& part : value)
    if (const json* found = first_message(part, severity)) return found;
  return nullptr;
}

}  // namespace

void read_document(Outcome& outcome) {
  outcome.texts = outcome.log + "\n";
  const json document = json::parse(outcome.document, nullptr, false);
  if (!document.is_object()) {
    outcome.texts += outcome.document;
    return;
  }
  collect(document, outcome);
  const json& part = main_part(document);
  if (part.contains("verdict") && part["verdict"].is_string()) outcome.verdict = part["verdict"];
  outcome.snapshot = snapshot_of(part);
  outcome.rpo_seconds = number(part, "rpo_seconds");
  outcome.rto_seconds = number(part, "rto_seconds");
  if (part.contains("objectives") && part["objectives"].is_object() &&
      part["objectives"].value("met", json()).is_boolean())
    outcome.objectives_met = part["objectives"]["met"].get<bool>();
  outcome.rolled_back = part.contains("rolled_back") && part["rolled_back"] == true;
}

std::string in_one_line(const Outcome& outcome) {
  const json document = json::parse(outcome.document, nullptr, false);
  for (const char* severity : {"error", "warning"})
    if (const json* message = first_message(document, severity)) return message->get<std::string>();
  std::string last = outcome.log;
  while (last.ends_with('\n')) last.pop_back();
  last = last.substr(last.find_last_of('\n') == std::string::npos ? 0 : last.find_last_of('\n') + 1);
  return last.starts_with("drill: ") ? last.substr(7) : last;
}

}  // namespace scenarios
