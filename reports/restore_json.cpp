#include <nlohmann/json.hpp>

#include "core/clock.hpp"
#include "core/json_text.hpp"
#include "reports/restore.hpp"

namespace reports {
namespace {

using json = nlohmann::ordered_json;

json findings_json(const std::vector<core::Finding>& findings) {
  json list = json::array();
  for (const core::Finding& finding : findings)
    list.push_back({{"severity", core::to_string(finding.severity)}, {"message", finding.message}});
  return list;
}

json step_json(const restorer::Step& step) {
  return {{"name", step.name},
          {"title", step.title},
          {"lines", step.lines.empty() ? json(nullptr) : json(step.lines)},
          {"verdict", core::to_string(step.verdict)},
          {"duration_seconds", core::to_seconds(step.duration)},
          {"findings", findings_json(step.findings)}};
}

json objects_json(const drill::Equality& objects) {
  return {{"expected", objects.expected},     {"matched", objects.matched},     {"missing", objects.missing},
          {"unexpected", objects.unexpected}, {"different", objects.different}, {"unread", objects.unread},
          {"examples", objects.examples}};
}

json replaced_json(const restorer::ReplacedCluster& replaced) {
  const auto& content = replaced.content;
  return {{"name", replaced.name},
          {"new", content && content->is_new()},
          {"made_at", content && content->made_at ? json(core::format_rfc3339(*content->made_at)) : json(nullptr)},
          {"objects", content && content->problem.empty() ? json(content->objects) : json(nullptr)},
          {"of_somebody", content && content->problem.empty() ? json(content->of_somebody.size()) : json(nullptr)}};
}

}  // namespace

std::string restore_json(const restorer::Outcome& outcome) {
  json steps = json::array();
  for (const restorer::Step& step : outcome.steps) steps.push_back(step_json(step));
  const json document = {
      {"schema", "k3s-drill/restore/1"},
      {"verdict", to_string(verdict_of(outcome))},
      {"dry_run", outcome.mode == restorer::Outcome::Mode::dry_run},
      {"snapshot", outcome.snapshot},
      {"cluster", outcome.cluster},
      {"node",
       {{"address", outcome.node},
        {"k3s_version", outcome.node_k3s_version.empty() ? json(nullptr) : json(outcome.node_k3s_version)}}},
      {"duration_seconds", core::to_seconds(outcome.duration)},
      {"accepted_faults", outcome.accepted_faults},
      {"replaced_cluster", outcome.replaced ? replaced_json(*outcome.replaced) : json(nullptr)},
      {"steps", steps},
      {"kept_aside", outcome.kept_aside.empty() ? json(nullptr) : json(outcome.kept_aside)},
      {"rolled_back", outcome.rolled_back == restorer::RolledBack::yes},
      {"rollback_failure", outcome.rollback_failure.empty() ? json(nullptr) : json(outcome.rollback_failure)},
      {"revision",
       {{"snapshot", outcome.revision.value},
        {"bumped", outcome.bumped ? json(outcome.bumped->value) : json(nullptr)}}},
      {"objects", outcome.objects ? objects_json(*outcome.objects) : json(nullptr)},
      {"needs_a_person", outcome.needs_a_person}};
  return core::json_text(document);
}

}  // namespace reports
