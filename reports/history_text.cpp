// The history for a person: a few lines below a drill, and the table of `drill report history`.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/history.hpp"

namespace reports {
namespace {

constexpr std::size_t kNightsShown = 30;
constexpr std::size_t kIndent = 15;

std::string seconds_text(const std::optional<double>& seconds) {
  return seconds ? fmt::format("{:.2f}", *seconds) : "-";
}

std::string percent(double ratio) { return fmt::format("{:+.0f} %", 100 * ratio); }

std::vector<history::DrillRecord> shown(const history::DrillHistory& history, const Page& page) {
  const std::size_t count =
      page.detail == Detail::all ? history.records.size() : std::min(kNightsShown, history.records.size());
  return {history.records.end() - static_cast<std::ptrdiff_t>(count), history.records.end()};
}

std::string row_text(const history::DrillRecord& record, Colour colour) {
  const auto ready = record.phases.find("ready");
  const std::optional<history::Score> scored = score(record);
  return fmt::format(
      "{:<10} {} {} {:>7} {:>7} {:>7} {:>9} {:>6}{}\n", core::format_rfc3339(record.started_at).substr(0, 10),
      padded(record.snapshot.empty() ? "-" : core::printable(record.snapshot), 16),
      verdict_word(record.verdict, colour, 12), seconds_text(record.rto_seconds),
      seconds_text(ready == record.phases.end() ? std::nullopt : std::optional(ready->second)), record.size.objects,
      seconds_text(record.predicted ? std::optional(record.predicted->seconds) : std::nullopt),
      scored ? percent(scored->error_ratio) : "-", scored && scored->band == history::Score::Band::outside ? " !" : "");
}

// One sign for each drill, from the fastest to the slowest restore; 'x' where none went well.
std::string sparkline(const std::vector<history::DrillRecord>& records, const Page& page) {
  using Signs = std::array<const char*, 8>;
  constexpr Signs kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr Signs kDigits{"1", "2", "3", "4", "5", "6", "7", "8"};
  const Signs& signs = page.letters == Letters::unicode ? kBlocks : kDigits;
  double least = 0;
  double most = 0;
  bool any = false;
  const auto measured = [](const history::DrillRecord& record) { return record.restored() && record.rto_seconds; };
  for (const history::DrillRecord& record : records) {
    if (!measured(record)) continue;
    least = any ? std::min(least, *record.rto_seconds) : *record.rto_seconds;
    most = std::max(most, *record.rto_seconds);
    any = true;
  }
  if (!any) return {};
  std::string line;
  for (const history::DrillRecord& record : records) {
    const double share = measured(record) && most > least ? (*record.rto_seconds - least) / (most - least) : 0;
    line += measured(record) ? signs.at(static_cast<std::size_t>(share * 7.999)) : "x";
  }
  return fmt::format("  RTO          {}  {:.2f} s to {:.2f} s\n", line, least, most);
}

std::string trends_text(const std::vector<history::Trend>& trends) {
  std::string text;
  for (const history::Trend& trend : trends)
    text += fmt::format("  {:<12} {:>7.2f} s (last 7)  {:>7.2f} s (last 30)  {:+.3f} s per drill\n",
                        trend.subject == "rto" ? "restore" : core::printable(trend.subject), trend.last_7_mean,
                        trend.last_30_mean, trend.slope);
  return text;
}

std::string passed_text(const history::DrillHistory& history) {
  std::string text = fmt::format("{} of the last {} passed", history.passed_of_last_30,
                                 std::min<std::size_t>(30, history.records.size()));
  if (history.inconclusive_of_last_30 > 0) text += fmt::format(", {} inconclusive", history.inconclusive_of_last_30);
  return text;
}

std::string accuracy_text(const history::Accuracy& accuracy) {
  return fmt::format("{} scored, off by {:.0f} % on average, {:.0f} % within their band",
                     counted(accuracy.scored, "prediction"), 100 * accuracy.mean_absolute_error_ratio,
                     100 * accuracy.within_share);
}

std::string cluster_text(const ClusterHistory& cluster, const Page& page) {
  const history::DrillHistory& history = cluster.history;
  const std::string name = core::printable(cluster.cluster);
  const std::string broken = history.broken_lines > 0
                                 ? fmt::format("  {} of drills.jsonl left out: not written by drill, or torn\n",
                                               counted(history.broken_lines, "line"))
                                 : std::string();
  if (history.records.empty()) return fmt::format("{}: no drill yet: run drill run {}\n{}", name, name, broken);
  std::string text =
      fmt::format("{}: {}, {}\n{}", name, counted(history.records.size(), "drill"), passed_text(history), broken);
  text += fmt::format("{:<10} {:<16} {:<12} {:>7} {:>7} {:>7} {:>9} {:>6}\n", "DATE", "SNAPSHOT", "VERDICT", "RTO s",
                      "READY s", "OBJECTS", "PREDICTED", "OFF BY");
  const std::vector<history::DrillRecord> records = shown(history, page);
  for (const history::DrillRecord& record : records) text += row_text(record, page.colour);
  text += sparkline(records, page) + trends_text(history.trends);
  if (history.accuracy.scored > 0) text += "  predicted    " + accuracy_text(history.accuracy) + "\n";
  for (const history::Change& change : history.changes)
    text += wrapped("  change       ", core::printable(change.message), kIndent, page.columns);
  return text;
}

}  // namespace

std::string history_lines(const history::DrillHistory& history, const Page& page) {
  if (history.records.empty()) return {};
  const history::DrillRecord& newest = history.records.back();
  std::string text;
  if (newest.predicted) {
    const std::optional<history::Score> scored = score(newest);
    text += fmt::format("  predicted    {:.2f} s ({:.2f} to {:.2f} s){}\n", newest.predicted->seconds,
                        newest.predicted->low_seconds, newest.predicted->high_seconds,
                        scored ? ", off by " + percent(scored->error_ratio) : std::string());
  }
  std::string averages;
  for (const history::Trend& trend : history.trends)
    if (trend.subject == "rto" && trend.drills > 1)
      averages = fmt::format("; RTO {:.2f} s on average of the last 7, {:.2f} s of the last 30", trend.last_7_mean,
                             trend.last_30_mean);
  text += wrapped("  history      ", passed_text(history) + averages, kIndent, page.columns);
  for (const std::string& warning : warnings(history))
    text += wrapped("      ", "warning: " + core::printable(warning), 6, page.columns);
  return text;
}

std::string history_text(const std::vector<ClusterHistory>& clusters, const Page& page) {
  if (clusters.empty()) return "no snapshot and no drill yet: run drill pull, then drill run\n";
  std::string text;
  for (const ClusterHistory& cluster : clusters) text += (text.empty() ? "" : "\n") + cluster_text(cluster, page);
  return text;
}

}  // namespace reports
