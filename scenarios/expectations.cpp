// What a command has to come to, and what has to be there afterwards: one entry for each word of `then` and `expect`.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/units.hpp"
#include "scenarios/room.hpp"
#include "scenarios/words.hpp"

namespace scenarios {
namespace {

using core::YamlNode;

std::string exit_differs(Room&, const Outcome& outcome, const YamlNode& expected) {
  const std::string found = std::to_string(outcome.exit_code);
  return found == expected.scalar ? "" : fmt::format("the exit code is {}", found);
}

// One that could not begin has no document, and its exit code tells.
std::string verdict_of(const Outcome& outcome) {
  if (!outcome.verdict.empty()) return outcome.verdict == "could_not_run" ? "inconclusive" : outcome.verdict;
  switch (outcome.exit_code) {
    case 0:
      return "pass";
    case 1:
      return "fail";
    case 2:
      return "usage";
    case 3:
      return "inconclusive";
    default:
      return "ended by " + std::to_string(outcome.exit_code);
  }
}

std::string verdict_differs(Room&, const Outcome& outcome, const YamlNode& expected) {
  const int code = expected.scalar == "pass" ? 0 : expected.scalar == "fail" ? 1 : expected.scalar == "usage" ? 2 : 3;
  if (outcome.exit_code != code) return fmt::format("the exit code is {}: {}", outcome.exit_code, in_one_line(outcome));
  const std::string found = verdict_of(outcome);
  return found == expected.scalar ? "" : fmt::format("the verdict is {}", found);
}

std::string named_differ(const std::vector<std::string>& found, const YamlNode& expected) {
  for (const std::string& name : texts_of(expected))
    if (std::find(found.begin(), found.end(), name) == found.end())
      return found.empty() ? "none did" : fmt::format("those that did are {}", fmt::join(found, ", "));
  return {};
}

// Words may stand on either side of a line break.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char letter : text) {
    const bool space = letter == ' ' || letter == '\n';
    if (!space || (!line.empty() && line.back() != ' ')) line += space ? ' ' : letter;
  }
  return line;
}

std::string says_differs(Room&, const Outcome& outcome, const YamlNode& expected) {
  const std::string said = one_line(outcome.texts);
  for (const std::string& words : texts_of(expected))
    if (said.find(one_line(words)) == std::string::npos)
      return fmt::format("'{}' was not said; said was: {}", words, in_one_line(outcome));
  return {};
}

std::string never_says_differs(Room&, const Outcome& outcome, const YamlNode& expected) {
  const std::string said = one_line(outcome.texts);
  for (const std::string& words : texts_of(expected))
    if (said.find(one_line(words)) != std::string::npos) return fmt::format("'{}' was said", words);
  return {};
}

std::string snapshot_differs(Room& room, const Outcome& outcome, const YamlNode& expected) {
  const std::string name = room.snapshot(expected.scalar).filename();
  return outcome.snapshot == name ? ""
                                  : fmt::format("it was {}, and {} is {}", outcome.snapshot, expected.scalar, name);
}

std::string verdicts_differ(Room& room, const Outcome& outcome, const YamlNode& expected, const std::string& verdict) {
  for (const std::string& which : texts_of(expected)) {
    const std::string name = room.snapshot(which).filename();
    const auto found = outcome.verdicts.find(name);
    if (found == outcome.verdicts.end()) return fmt::format("nothing is said of {}, {}", which, name);
    if (found->second != verdict) return fmt::format("the verdict of {}, {}, is {}", which, name, found->second);
  }
  return {};
}

// Words that have a snapshot's name in them, which only the room knows.
std::string names_differ(Room& room, const Outcome& outcome, const YamlNode& expected) {
  for (const std::string& which : texts_of(expected)) {
    const std::string name = room.cluster() + "/" + room.snapshot(which).filename().string();
    if (outcome.texts.find(name) == std::string::npos) return fmt::format("{}, {}, is not named", which, name);
  }
  return {};
}

std::string age_differs(const std::optional<double>& seconds, const YamlNode& expected) {
  if (!seconds) return "it was not measured";
  const auto limit = [](const std::string& text) {
    return static_cast<double>(core::read_duration(text)->count()) / 1e9;
  };
  const bool both = expected.kind == YamlNode::Kind::sequence;
  const double least = both ? limit(expected.items.at(0).scalar) : 0;
  const double most = limit(both ? expected.items.at(1).scalar : expected.scalar);
  return *seconds >= least && *seconds <= most ? "" : fmt::format("it is {:.1f} s", *seconds);
}

std::string objectives_differ(Room&, const Outcome& outcome, const YamlNode& expected) {
  if (!outcome.objectives_met) return "none were measured";
  const std::string found = *outcome.objectives_met ? "met" : "missed";
  return found == expected.scalar ? "" : "they were " + found;
}

std::string within_differs(Room&, const Outcome& outcome, const YamlNode& expected) {
  if (outcome.duration <= *core::read_duration(expected.scalar)) return {};
  return fmt::format("it took {}", core::format_duration(outcome.duration));
}

std::string snapshots_differ(Room& room, const Outcome&, const YamlNode& expected) {
  const std::string found = std::to_string(room.snapshots().size());
  return found == expected.scalar ? "" : fmt::format("there are {}", found);
}

// A k3s that was just put back may still be on its way up.
bool finds(Room& room, const std::string& node, const std::string& object) {
  std::optional<bool> found;
  const auto ask = [&] {
    try {
      found = room.kubectl_finds(node, object);
    } catch (const core::Error& error) {
      if (error.kind() == core::ErrorKind::cancelled) throw;
    }
    return found.has_value();
  };
  return eventually(ask, std::chrono::seconds(20)) ? *found : room.kubectl_finds(node, object);
}

std::string objects_differ(Room& room, const std::string& node, const YamlNode& expected, bool present) {
  for (const std::string& object : texts_of(expected))
    if (finds(room, node, object) != present) return fmt::format("{} is {}", object, present ? "not there" : "there");
  return {};
}

std::string k3s_differs(Room& room, const std::string& node, const YamlNode& expected) {
  const core::CommandResult found = room.node(node).try_run("systemctl is-active k3s");
  const std::string state = found.exit_code == 0 ? "running" : "stopped";
  return state == expected.scalar ? "" : fmt::format("it is {}", state);
}

std::string left_differs(Room& room, const Outcome&, const YamlNode&) {
  const auto left = [&] {
    return room.node("edge").run(
        "ls -d /var/lib/rancher/k3s/server/db/.drill* /var/lib/rancher/.k3s-drill-* 2>/dev/null || true\n"
        "pgrep -a drill-node || true");
  };
  if (eventually([&] { return left().empty(); }, std::chrono::seconds(20))) return {};
  return "on the node there is: " + left();
}

// Of commands of this room, whether they were killed or not.
std::string left_here(Room& room) {
  const std::filesystem::path scratch = room.directory() / "tmp";
  std::string left;
  std::error_code gone;  // while we look
  for (const auto& entry : std::filesystem::directory_iterator(scratch, gone))
    if (entry.path().filename().string().starts_with("k3s-drill.")) left += entry.path().string() + "\n";
  for (const auto& entry : std::filesystem::directory_iterator(room.store() / "edge", gone))
    if (const std::string name = entry.path().filename();
        name.starts_with(".incoming-") || name.starts_with(".removed-"))
      left += entry.path().string() + "\n";
  for (const int pid : room.pids())
    for (const char* hierarchy : {"", "memory", "pids"})
      for (const auto& entry : std::filesystem::directory_iterator("/sys/fs/cgroup/" + std::string(hierarchy), gone))
        if (entry.path().filename().string().starts_with(fmt::format("k3s-drill.{}.", pid)))
          left += entry.path().string() + "\n";
  const std::string mark = "TMPDIR=" + scratch.string();
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    std::ifstream file(entry.path() / "environ");
    const std::string environment{std::istreambuf_iterator<char>(file), {}};
    if (environment.find(mark + '\0') != std::string::npos)
      left += "process " + entry.path().filename().string() + "\n";
  }
  return left;
}

std::string left_here_differs(Room& room, const Outcome&, const YamlNode&) {
  if (eventually([&] { return left_here(room).empty(); }, std::chrono::seconds(10))) return {};
  return "on this machine there is: " + left_here(room);
}

std::string fact_differs(Room& room, const YamlNode& expected) {
  for (const std::string& fact : texts_of(expected)) {
    const std::size_t equals = fact.find('=');
    const std::string name = fact.substr(0, equals);
    if (room.facts[name] != fact.substr(equals + 1)) return fmt::format("{} is '{}'", name, room.facts[name]);
  }
  return {};
}

}  // namespace

const std::vector<ExpectationWord>& expectation_words() {
  static const std::vector<ExpectationWord> words{
      {"verdict",
       Kind::choice,
       "of the command, and the exit code that goes with it: 0, 1, 2 or 3",
       {"pass", "fail", "usage", "inconclusive"},
       verdict_differs},
      {"exit", Kind::whole, "exit code, for what has no verdict: 137 is a command that was killed", {}, exit_differs},
      {"fails",
       Kind::texts,
       "checks, phases or steps whose verdict is fail",
       {},
       [](Room&, const Outcome& outcome, const YamlNode& expected) { return named_differ(outcome.failing, expected); }},
      {"could_not_run",
       Kind::texts,
       "checks, phases or steps that could not run",
       {},
       [](Room&, const Outcome& outcome, const YamlNode& expected) { return named_differ(outcome.undone, expected); }},
      {"says", Kind::texts, "words that the user sees, in the result or in the log", {}, says_differs},
      {"never_says", Kind::texts, "words that the user must not see", {}, never_says_differs},
      {"snapshot", Kind::snapshot, "which was drilled, verified, pulled or restored", {}, snapshot_differs},
      {"bad",
       Kind::texts,
       "snapshots that fail, of a command that says it of several: latest, previous, oldest or a number",
       {},
       [](Room& room, const Outcome& outcome, const YamlNode& expected) {
         return verdicts_differ(room, outcome, expected, "fail");
       }},
      {"good",
       Kind::texts,
       "snapshots that pass, in the same words",
       {},
       [](Room& room, const Outcome& outcome, const YamlNode& expected) {
         return verdicts_differ(room, outcome, expected, "pass");
       }},
      {"names", Kind::texts, "snapshots that the user is told of by name, in the same words", {}, names_differ},
      {"rpo",
       Kind::age,
       "what a disaster would have cost, as drilled: at most, or [LEAST, MOST]",
       {},
       [](Room&, const Outcome& outcome, const YamlNode& expected) {
         return age_differs(outcome.rpo_seconds, expected);
       }},
      {"rto",
       Kind::age,
       "the measured recovery time: at most, or [LEAST, MOST]",
       {},
       [](Room&, const Outcome& outcome, const YamlNode& expected) {
         return age_differs(outcome.rto_seconds, expected);
       }},
      {"objectives",
       Kind::choice,
       "whether the promised RTO and RPO were met, as drilled",
       {"met", "missed"},
       objectives_differ},
      {"within", Kind::duration, "longest time that the command may take", {}, within_differs},
      {"rolled_back",
       Kind::yes,
       "the restore was taken back",
       {},
       [](Room&, const Outcome& outcome, const YamlNode&) {
         return std::string(outcome.rolled_back ? "" : "it was not");
       }},
      {"snapshots", Kind::whole, "how many the store has of edge", {}, snapshots_differ},
      {"present",
       Kind::texts,
       "objects on edge, as KIND/NAME or KIND/NAMESPACE/NAME",
       {},
       [](Room& room, const Outcome&, const YamlNode& expected) {
         return objects_differ(room, "edge", expected, true);
       }},
      {"gone",
       Kind::texts,
       "objects that edge must not have",
       {},
       [](Room& room, const Outcome&, const YamlNode& expected) {
         return objects_differ(room, "edge", expected, false);
       }},
      {"present_on_spare",
       Kind::texts,
       "objects on the spare node",
       {},
       [](Room& room, const Outcome&, const YamlNode& expected) {
         return objects_differ(room, "spare", expected, true);
       }},
      {"k3s",
       Kind::choice,
       "whether k3s runs on edge",
       {"running", "stopped"},
       [](Room& room, const Outcome&, const YamlNode& expected) { return k3s_differs(room, "edge", expected); }},
      {"nothing_left", Kind::yes, "nothing of drill's is left on edge: no file, no process", {}, left_differs},
      {"nothing_left_here",
       Kind::yes,
       "nothing of drill's is left on this machine: no process, no control group, no half of a snapshot, no scratch "
       "file",
       {},
       left_here_differs},
      {"facts",
       Kind::texts,
       "what faults found out, as NAME=VALUE",
       {},
       [](Room& room, const Outcome&, const YamlNode& expected) { return fact_differs(room, expected); }},
  };
  return words;
}

}  // namespace scenarios
