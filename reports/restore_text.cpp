#include <fmt/format.h>

#include <algorithm>

#include "core/clock.hpp"
#include "reports/restore.hpp"

namespace reports {
namespace {

std::string step_text(const restorer::Step& step, restorer::Outcome::Mode mode, const Page& page) {
  std::string text = fmt::format(
      "  {:<12} {}  {:>9}\n", core::printable(step.name), verdict_word(core::to_string(step.verdict), page.colour, 13),
      step.verdict == core::CheckVerdict::skipped ? std::string("-") : core::format_duration(step.duration));
  text += findings_text(step.findings, page);
  if (mode == restorer::Outcome::Mode::real) return text;
  text += wrapped("      ", core::printable(step.title), 6, page.columns);
  for (std::size_t begin = 0; begin < step.lines.size();) {
    const std::size_t end = std::min(step.lines.find('\n', begin), step.lines.size());
    text += "        " + core::printable(step.lines.substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  return text;
}

std::string objects_text(const drill::Equality& objects) {
  std::string text =
      fmt::format("  objects      {} of {} matched, {} missing, {} different, {} unexpected\n", objects.matched,
                  objects.expected, objects.missing, objects.different, objects.unexpected);
  for (const std::string& example : objects.examples) text += "      " + core::printable(example) + "\n";
  return text;
}

// Or would, after a dry run.
bool stands(const restorer::Outcome& outcome) {
  return !outcome.kept_aside.empty() &&
         (verdict_of(outcome) == core::Verdict::pass || !outcome.accepted_faults.empty());
}

std::string headline(const restorer::Outcome& outcome) {
  if (outcome.mode == restorer::Outcome::Mode::dry_run) return "nothing was changed; this is what would run";
  if (outcome.rolled_back == restorer::RolledBack::yes) return "rolled back: the node is as it was before";
  if (outcome.rolled_back == restorer::RolledBack::failed) return "NOT ROLLED BACK: the node needs a person now";
  if (verdict_of(outcome) == core::Verdict::pass)
    return outcome.accepted_faults.empty() ? "restored" : "restored, from a damaged snapshot";
  if (!outcome.kept_aside.empty() && !outcome.accepted_faults.empty())
    return "it stands, and serves not all that can be read of the damaged snapshot";
  return outcome.kept_aside.empty() ? "not restored; nothing was changed"
                                    : "it failed here, and stands: another let it";
}

}  // namespace

std::string restore_text(const restorer::Outcome& outcome, const Page& page) {
  std::string text = fmt::format("{}  {} to {}: {}\n", verdict_word(to_string(verdict_of(outcome)), page.colour),
                                 core::printable(outcome.snapshot), core::printable(outcome.node), headline(outcome));
  for (const restorer::Step& step : outcome.steps) text += step_text(step, outcome.mode, page);
  if (!outcome.rollback_failure.empty())
    text += wrapped("  rollback     ", core::printable(outcome.rollback_failure), 15, page.columns);
  if (outcome.objects) text += objects_text(*outcome.objects);
  text += fmt::format("  revision     {}{}\n", outcome.revision.value,
                      outcome.bumped ? fmt::format(", goes on from {}", outcome.bumped->value) : std::string());
  const bool dry = outcome.mode == restorer::Outcome::Mode::dry_run;
  if (stands(outcome))
    text +=
        wrapped("  kept         ",
                dry ? std::string("what is there now would be put aside on the node, and stay there")
                    : fmt::format("what was there before is in {} on the node; remove it when nobody misses anything",
                                  core::printable(outcome.kept_aside)),
                15, page.columns);
  if (!stands(outcome) || outcome.needs_a_person.empty()) return text;
  text += dry ? "  a person would still have to do\n" : "  still to do by a person\n";
  for (const std::string& line : outcome.needs_a_person)
    text += wrapped("    - ", core::printable(line), 6, page.columns);
  return text;
}

}  // namespace reports
