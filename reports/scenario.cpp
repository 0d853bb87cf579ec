#include "reports/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/clock.hpp"
#include "core/json_text.hpp"

namespace reports {
namespace {

using json = nlohmann::ordered_json;
using scenarios::Case;
using scenarios::CaseResult;
using scenarios::Verdict;

constexpr std::size_t kNameWidth = 30;
constexpr std::size_t kSlowest = 3;

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    default:
      return "skip";
  }
}

std::vector<std::string> differences_of(const CaseResult& result) {
  std::vector<std::string> all;
  for (const scenarios::CommandResult& command : result.commands)
    all.insert(all.end(), command.differences.begin(), command.differences.end());
  if (result.verdict == Verdict::fail && !result.reason.empty()) all.push_back(result.reason);
  return all;
}

std::size_t count_of(const std::vector<CaseResult>& results, Verdict verdict) {
  return static_cast<std::size_t>(std::count_if(results.begin(), results.end(), [&](const CaseResult& result) {
    return result.scenario != nullptr && result.verdict == verdict;
  }));
}

std::string xml(std::string_view text) {
  std::string escaped;
  for (const char letter : core::printable_lines(text)) {
    switch (letter) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += letter;
    }
  }
  return escaped;
}

// The last command is what the case is about.
const scenarios::Outcome* told_of(const CaseResult& result) {
  return result.commands.empty() ? nullptr : &result.commands.back().outcome;
}

json fields_of(const Case& one) {
  return {{"name", one.name}, {"title", one.title},   {"story", one.story},
          {"tags", one.tags}, {"source", one.source}, {"lesson", one.lesson}};
}

}  // namespace

std::string scenario_list_text(const std::vector<Case>& cases, const Page& page) {
  Table table({"CASE", "TAGS", "WHAT HAPPENS"}, {});
  for (const Case& one : cases)
    table.add({core::printable(one.name), core::printable(fmt::format("{}", fmt::join(one.tags, " "))),
               core::printable(one.title)});
  return table.text(page);
}

std::string scenario_list_json(const std::vector<Case>& cases) {
  json list = json::array();
  for (const Case& one : cases) list.push_back(fields_of(one));
  return core::json_text({{"schema", "k3s-drill/scenario-list/1"}, {"cases", list}});
}

std::string scenario_show_text(const Case& one, const Page& page) {
  std::string text = core::printable(one.name) + ": " + core::printable(one.title) + "\n\n" +
                     wrapped("", core::printable(one.story), 0, page.columns);
  if (!one.source.empty()) text += "\nseen at: " + core::printable(one.source) + "\n";
  if (!one.lesson.empty()) text += "\n" + wrapped("what to do: ", core::printable(one.lesson), 12, page.columns);
  return text + "\n" + core::printable_lines(one.acts);
}

std::string scenario_line(const CaseResult& result, const Page& page) {
  std::string text = verdict_word(word_of(result.verdict), page.colour, 6) +
                     fmt::format("{} ", padded(core::printable(result.scenario->name), kNameWidth));
  text += result.verdict == Verdict::skip ? core::printable(result.reason)
                                          : fmt::format("{:>5.1f} s  {}", core::to_seconds(result.duration),
                                                        core::printable(result.scenario->title));
  text += "\n";
  for (const std::string& difference : differences_of(result))
    text += wrapped("      ", core::printable(difference), 6, page.columns);
  if (!result.folder.empty()) text += fmt::format("      logs and timeline: {}\n", result.folder.string());
  return text;
}

std::string scenario_summary(const std::vector<CaseResult>& results, std::chrono::nanoseconds duration,
                             const Page& page) {
  std::vector<const CaseResult*> ran;
  std::string again;
  for (const CaseResult& result : results) {
    if (result.scenario == nullptr || result.verdict == Verdict::skip) continue;
    ran.push_back(&result);
    if (result.verdict == Verdict::fail && again.find(" " + result.scenario->name) == std::string::npos)
      again += " " + core::printable(result.scenario->name);
  }
  std::string text =
      fmt::format("{} passed, {} failed, {} skipped in {}\n", count_of(results, Verdict::pass),
                  count_of(results, Verdict::fail), count_of(results, Verdict::skip), core::format_duration(duration));
  std::sort(ran.begin(), ran.end(), [](const auto* a, const auto* b) { return a->duration > b->duration; });
  if (ran.size() > kSlowest) {
    text += fmt::format("half of them took at most {:.1f} s; the slowest:",
                        core::to_seconds(ran[ran.size() / 2]->duration));
    for (std::size_t i = 0; i < kSlowest; ++i)
      text += fmt::format("{} {} {:.1f} s", i == 0 ? "" : ",", core::printable(ran[i]->scenario->name),
                          core::to_seconds(ran[i]->duration));
    text += "\n";
  }
  if (!again.empty())
    text += "to run what failed again: " + painted("drill scenario run" + again, "1", page.colour) + "\n";
  return text;
}

std::string scenario_json(const std::vector<CaseResult>& results, std::chrono::nanoseconds duration) {
  json list = json::array();
  for (const CaseResult& result : results) {
    if (result.scenario == nullptr) continue;
    json commands = json::array();
    for (const scenarios::CommandResult& command : result.commands)
      commands.push_back({{"command", command.outcome.command},
                          {"exit_code", command.outcome.exit_code},
                          {"verdict", command.outcome.verdict},
                          {"duration_seconds", core::to_seconds(command.outcome.duration)},
                          {"differences", command.differences}});
    json entry = {{"name", result.scenario->name},         {"title", result.scenario->title},
                  {"verdict", word_of(result.verdict)},    {"duration_seconds", core::to_seconds(result.duration)},
                  {"differences", differences_of(result)}, {"commands", commands}};
    entry["skipped_because"] = result.verdict == Verdict::skip ? json(result.reason) : json();
    entry["folder"] = result.folder.empty() ? json() : json(result.folder.string());
    list.push_back(entry);
  }
  return core::json_text({{"schema", "k3s-drill/scenario/1"},
                          {"passed", count_of(results, Verdict::pass)},
                          {"failed", count_of(results, Verdict::fail)},
                          {"skipped", count_of(results, Verdict::skip)},
                          {"duration_seconds", core::to_seconds(duration)},
                          {"cases", list}});
}

std::string scenario_junit(const std::vector<CaseResult>& results, std::chrono::nanoseconds duration) {
  std::string text = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"drill scenario\" tests=\"{}\" failures=\"{}\" "
      "errors=\"0\" skipped=\"{}\" time=\"{:.3f}\">\n",
      results.size(), count_of(results, Verdict::fail), count_of(results, Verdict::skip), core::to_seconds(duration));
  for (const CaseResult& result : results) {
    if (result.scenario == nullptr) continue;
    text += fmt::format("  <testcase classname=\"scenario\" name=\"{}\" time=\"{:.3f}\"", xml(result.scenario->name),
                        core::to_seconds(result.duration));
    if (result.verdict == Verdict::pass) {
      text += "/>\n";
      continue;
    }
    text += ">\n";
    if (result.verdict == Verdict::skip) text += fmt::format("    <skipped message=\"{}\"/>\n", xml(result.reason));
    if (result.verdict == Verdict::fail)
      text += fmt::format("    <failure message=\"{}\">{}</failure>\n", xml(result.scenario->title),
                          xml(fmt::format("{}", fmt::join(differences_of(result), "\n"))));
    text += "  </testcase>\n";
  }
  return text + "</testsuite>\n";
}

std::string game_day_text(const std::string& snapshot, const std::vector<CaseResult>& results, const Page& page) {
  std::string text = fmt::format("A game day with copies of {}\n", core::printable(snapshot));
  const auto cost = [](const std::optional<double>& seconds) {
    return seconds ? core::format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(*seconds * 1e9))) : "-";
  };
  Table table({"DISASTER", "DRILL SAYS", "DATA LOST", "BACK AFTER"}, {});
  for (const CaseResult& result : results) {
    if (result.scenario == nullptr || result.verdict == Verdict::skip) continue;
    text += "\n" + core::printable(result.scenario->title) + "\n";
    for (const std::string& difference : differences_of(result))
      text += wrapped("  NOT AS IT SHOULD BE: ", core::printable(difference), 6, page.columns);
    const scenarios::Outcome* told = told_of(result);
    if (told == nullptr) continue;
    text += wrapped("  what happens  ", core::printable(in_one_line(*told)), 16, page.columns);
    if (!result.scenario->lesson.empty())
      text += wrapped("  what to do    ", core::printable(result.scenario->lesson), 16, page.columns);
    table.add({core::printable(result.scenario->title),
               told->verdict.empty() ? fmt::format("exit code {}", told->exit_code) : core::printable(told->verdict),
               cost(told->rpo_seconds), cost(told->rto_seconds)});
  }
  return text + "\n" + table.text(page) +
         "\nDATA LOST counts from the newest snapshot that can be restored to now, BACK AFTER is the recovery time as "
         "drilled.\n";
}

}  // namespace reports
