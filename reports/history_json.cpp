// The history as JSON: the member "history" of a run, and the document of `drill report history`.
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/json_text.hpp"
#include "reports/history.hpp"

namespace reports {
namespace {

using json = nlohmann::ordered_json;

// A number that is none has no form in JSON.
json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json trend_json(const history::Trend& trend) {
  return {{"drills", trend.drills},
          {"last_7_mean_seconds", number(trend.last_7_mean)},
          {"last_7_median_seconds", number(trend.last_7_median)},
          {"last_30_mean_seconds", number(trend.last_30_mean)},
          {"last_30_median_seconds", number(trend.last_30_median)},
          {"slope_seconds_per_drill", number(trend.slope)}};
}

json changes_json(const std::vector<history::Change>& changes) {
  json list = json::array();
  for (const history::Change& change : changes)
    list.push_back({{"phase", change.phase},
                    {"before_seconds", number(change.before)},
                    {"after_seconds", number(change.after)},
                    {"last_before", core::format_rfc3339(change.last_before)},
                    {"since", core::format_rfc3339(change.since)},
                    {"cause", text_or_null(change.cause)},
                    {"message", change.message}});
  return list;
}

json prediction_json(const history::DrillRecord& record) {
  if (!record.predicted) return nullptr;
  const std::optional<history::Score> scored = score(record);
  return {{"rto_seconds", number(record.predicted->seconds)},
          {"low_seconds", number(record.predicted->low_seconds)},
          {"high_seconds", number(record.predicted->high_seconds)},
          {"error_ratio", scored ? number(scored->error_ratio) : json(nullptr)},
          {"within", scored ? json(scored->band == history::Score::Band::within) : json(nullptr)}};
}

json accuracy_json(const history::Accuracy& accuracy) {
  if (accuracy.scored == 0) return {{"scored", 0}, {"mean_absolute_error_ratio", nullptr}, {"within_share", nullptr}};
  return {{"scored", accuracy.scored},
          {"mean_absolute_error_ratio", number(accuracy.mean_absolute_error_ratio)},
          {"within_share", number(accuracy.within_share)}};
}

json record_json(const history::DrillRecord& record) {
  return {
      {"started_at", core::format_rfc3339(record.started_at)},
      {"snapshot", text_or_null(record.snapshot)},
      {"verdict", record.verdict},
      {"snapshot_verdict", record.snapshot_verdict},
      {"engine",
       record.engine.empty() ? json(nullptr) : json{{"kind", record.engine}, {"version", record.engine_version}}},
      {"drill_version", record.drill_version},
      {"cpu_count", record.cpu_count},
      {"size_bytes", record.size.size_bytes},
      {"objects", record.size.objects},
      {"rows", record.rows},
      {"rto_seconds", record.rto_seconds ? number(*record.rto_seconds) : json(nullptr)},
      {"rpo_seconds", record.rpo_seconds ? number(*record.rpo_seconds) : json(nullptr)},
      {"captured_lag_seconds", record.captured_lag_seconds ? number(*record.captured_lag_seconds) : json(nullptr)},
      {"phases", record.phases},
      {"control", {{"fault", text_or_null(record.control_fault)}, {"verdict", text_or_null(record.control_verdict)}}},
      {"prediction", prediction_json(record)}};
}

json cluster_json(const ClusterHistory& cluster) {
  const history::DrillHistory& history = cluster.history;
  json trends = json::object();
  for (const history::Trend& trend : history.trends) trends[trend.subject] = trend_json(trend);
  json records = json::array();
  for (const history::DrillRecord& record : history.records) records.push_back(record_json(record));
  return {{"cluster", cluster.cluster},
          {"drills", history.records.size()},
          {"broken_lines", history.broken_lines},
          {"passed_of_last_30", history.passed_of_last_30},
          {"inconclusive_of_last_30", history.inconclusive_of_last_30},
          {"trends", trends},
          {"changes", changes_json(history.changes)},
          {"predictions", accuracy_json(history.accuracy)},
          {"records", records}};
}

}  // namespace

std::string with_history(const std::string& run_json, const history::DrillHistory& history) {
  json rto = {{"last_7_mean_seconds", nullptr}, {"last_30_mean_seconds", nullptr}};
  for (const history::Trend& trend : history.trends)
    if (trend.subject == "rto")
      rto = {{"last_7_mean_seconds", number(trend.last_7_mean)}, {"last_30_mean_seconds", number(trend.last_30_mean)}};
  json document = json::parse(run_json);
  document["history"] = {
      {"drills", history.records.size()},
      {"passed_of_last_30", history.passed_of_last_30},
      {"inconclusive_of_last_30", history.inconclusive_of_last_30},
      {"rto", rto},
      {"changes", changes_json(history.changes)},
      {"prediction", history.records.empty() ? json(nullptr) : prediction_json(history.records.back())},
      {"predictions", accuracy_json(history.accuracy)},
      {"warnings", warnings(history)},
  };
  return core::json_text(document);
}

std::string history_json(const std::vector<ClusterHistory>& clusters) {
  json list = json::array();
  for (const ClusterHistory& cluster : clusters) list.push_back(cluster_json(cluster));
  return core::json_text({{"schema", "k3s-drill/history/2"}, {"clusters", list}});
}

}  // namespace reports
