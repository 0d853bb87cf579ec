#include "scenarios/case.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>

#include "core/edit_distance.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/units.hpp"

namespace scenarios {
namespace {

using core::YamlNode;

// Walks a case: each known key has a reader, anything else is an error that names the nearest.
class Decoder {
 public:
  using Readers = std::map<std::string, std::function<void(const YamlNode&)>>;

  explicit Decoder(std::string name) : name_(std::move(name)) {}

  [[noreturn]] void fail(const YamlNode& node, const std::string& message) const { fail(node.line, message); }
  [[noreturn]] void fail(int line, const std::string& message) const {
    throw core::Error(core::ErrorKind::usage, fmt::format("{}:{}: {}", name_, line, message));
  }

  void map(const YamlNode& node, const std::string& where, const Readers& readers) const {
    if (node.kind != YamlNode::Kind::map) fail(node, fmt::format("{} must be a map, KEY: VALUE on each line", where));
    for (const auto& [key, value] : node.entries) {
      const auto found = readers.find(key);
      if (found == readers.end()) {
        std::vector<std::string> known;
        for (const auto& [name, reader] : readers) known.push_back(name);
        fail(value, unknown("key", key, known, " in " + where));
      }
      found->second(value);
    }
  }

  static std::string unknown(const std::string& what, const std::string& word, const std::vector<std::string>& known,
                             const std::string& where = {}) {
    return fmt::format("unknown {} '{}'{}; {}", what, word, where,
                       core::did_you_mean(word, known, fmt::format("known are: {}", fmt::join(known, ", "))));
  }

  void check(const YamlNode& node, Kind kind, const std::vector<std::string_view>& choices = {}) const {
    if (const std::string problem = problem_of(node, kind, choices); !problem.empty()) fail(node, problem);
  }

  std::string text(const YamlNode& node) const {
    check(node, Kind::text);
    return node.scalar;
  }

 private:
  std::string name_;
};

template <class Word>
std::vector<std::string> names_of(const std::vector<Word>& words) {
  std::vector<std::string> names;
  for (const Word& word : words) names.emplace_back(word.name);
  return names;
}

template <class Word>
const Word* find_word(const std::vector<Word>& words, const std::string& name) {
  const auto found = std::find_if(words.begin(), words.end(), [&](const Word& word) { return word.name == name; });
  return found == words.end() ? nullptr : &*found;
}

std::vector<Expectation> read_expectations(const Decoder& decoder, const YamlNode& node, const std::string& where) {
  if (node.kind != YamlNode::Kind::map) decoder.fail(node, where + " must be a map of what is expected");
  std::vector<Expectation> expectations;
  for (const auto& [key, value] : node.entries) {
    const ExpectationWord* word = find_word(expectation_words(), key);
    if (word == nullptr) decoder.fail(value, Decoder::unknown("expectation", key, names_of(expectation_words())));
    decoder.check(value, word->kind, word->choices);
    expectations.push_back({word, value});
  }
  return expectations;
}

Arguments read_arguments(const Decoder& decoder, const YamlNode& node, const Fault& fault) {
  std::vector<core::YamlEntry> given;
  for (const auto& [key, value] : node.entries) {
    if (key == "fault" || key == "at") continue;
    const Argument* argument = find_word(fault.arguments, key);
    if (argument == nullptr)
      decoder.fail(value,
                   Decoder::unknown(fmt::format("argument of fault {}", fault.name), key, names_of(fault.arguments)));
    decoder.check(value, argument->kind, argument->choices);
    given.push_back({key, value});
  }
  for (const Argument& argument : fault.arguments)
    if (argument.otherwise.empty() && node.find(argument.name) == nullptr)
      decoder.fail(node, fmt::format("fault {} needs '{}': {}", fault.name, argument.name, argument.about));
  return {fault.arguments, std::move(given)};
}

Step read_step(const Decoder& decoder, const YamlNode& node, const std::string& where);

std::vector<Step> read_steps(const Decoder& decoder, const YamlNode& node, const std::string& where) {
  if (node.kind != YamlNode::Kind::sequence || node.items.empty())
    decoder.fail(node, where + " must be a list of steps: '- drill: run edge' or '- fault: NAME'");
  std::vector<Step> steps;
  for (const YamlNode& item : node.items) steps.push_back(read_step(decoder, item, where));
  return steps;
}

Step read_step(const Decoder& decoder, const YamlNode& node, const std::string& where) {
  Step step;
  step.line = node.line;
  const YamlNode* fault = node.find("fault");
  if ((fault == nullptr) == (node.find("drill") == nullptr))
    decoder.fail(node, fmt::format("a step of {} has either 'drill' (a command) or 'fault'", where));
  if (fault != nullptr) {
    step.fault = find_word(faults(), decoder.text(*fault));
    if (step.fault == nullptr) decoder.fail(*fault, Decoder::unknown("fault", fault->scalar, names_of(faults())));
    if (const YamlNode* at = node.find("at")) step.at = decoder.text(*at);
    step.arguments = read_arguments(decoder, node, *step.fault);
  } else {
    decoder.map(
        node, "a command",
        {{"drill", [&](const YamlNode& value) { step.drill = decoder.text(value); }},
         {"at", [&](const YamlNode& value) { step.at = decoder.text(value); }},
         {"clock", [&](const YamlNode& value) { step.clock = decoder.text(value); }},
         {"during", [&](const YamlNode& value) { step.during = read_steps(decoder, value, "during"); }},
         {"expect", [&](const YamlNode& value) { step.expect = read_expectations(decoder, value, "expect"); }}});
    if (!step.clock.empty() && (step.clock.find_first_of("+-") != 0 || !core::read_duration(step.clock.substr(1))))
      decoder.fail(*node.find("clock"), "a clock is ahead or behind by a duration: +8d, -1h");
  }
  if (where == "when" && !step.at.empty()) decoder.fail(node, "'at' is for the steps of 'during'");
  return step;
}

NodeState read_state(const Decoder& decoder, const YamlNode& node) {
  decoder.check(node, Kind::choice, {"bare", "installed", "running"});
  return node.scalar == "running"     ? NodeState::running
         : node.scalar == "installed" ? NodeState::installed
                                      : NodeState::bare;
}

void read_snapshots(const Decoder& decoder, const YamlNode& node, Given& given) {
  if (node.kind == YamlNode::Kind::scalar) {
    decoder.check(node, Kind::whole);
    given.pulls = static_cast<std::size_t>(std::stoul(node.scalar));
    return;
  }
  decoder.check(node, Kind::texts);
  for (const YamlNode& age : node.items) {
    decoder.check(age, Kind::duration);
    given.ages.push_back(*core::read_duration(age.scalar));
  }
}

void check_is_map(const Decoder& decoder, const YamlNode& node, const std::string& where) {
  if (node.kind != YamlNode::Kind::map) decoder.fail(node, where + " must be a map, as in docs/config.md");
}

Given read_given(const Decoder& decoder, const YamlNode& node) {
  Given given;
  decoder.map(node, "given",
              {{"node", [&](const YamlNode& value) { given.node = read_state(decoder, value); }},
               {"spare", [&](const YamlNode& value) { given.spare = read_state(decoder, value); }},
               {"cluster",
                [&](const YamlNode& value) {
                  decoder.check(value, Kind::choice, {"small", "filled", "encrypted"});
                  given.cluster = value.scalar;
                }},
               {"objects", [&](const YamlNode& value) { given.objects = decoder.text(value); }},
               {"snapshots", [&](const YamlNode& value) { read_snapshots(decoder, value, given); }},
               {"config",
                [&](const YamlNode& value) {
                  check_is_map(decoder, value, "given.config");
                  given.config = value;
                }},
               {"cluster_config",
                [&](const YamlNode& value) {
                  check_is_map(decoder, value, "given.cluster_config");
                  given.cluster_config = value;
                }},
               {"store_size",
                [&](const YamlNode& value) {
                  decoder.check(value, Kind::size);
                  given.store_bytes = core::read_size(value.scalar);
                }},
               {"disk",
                [&](const YamlNode& value) {
                  decoder.check(value, Kind::size);
                  given.disk_bytes = core::read_size(value.scalar);
                }},
               {"k3s_flags", [&](const YamlNode& value) { given.k3s_flags = decoder.text(value); }},
               {"systemd", [&](const YamlNode& value) {
                  decoder.check(value, Kind::yes);
                  given.needs_systemd = true;
                }}});
  if (given.pulls > 0 && given.node == NodeState::none)
    decoder.fail(node, "snapshots are pulled from a node, and there is none: give their ages, as in [2h, 1h]");
  if (!given.ages.empty() && given.node == NodeState::running)
    decoder.fail(node, "snapshots with ages are made without a node: give a number here");
  return given;
}

// From the first of given, when and then to what else follows them.
std::string acts_of(const std::string& text) {
  std::string acts;
  bool inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != ' ' && line[0] != '#')
      inside = line.starts_with("given:") || line.starts_with("when:") || line.starts_with("then:");
    if (inside) acts += line + "\n";
  }
  return acts;
}

// As one paragraph, however it was broken into lines.
std::string joined(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

bool Case::has_tag(std::string_view tag) const { return std::find(tags.begin(), tags.end(), tag) != tags.end(); }

Case parse_case(const std::string& text, const std::filesystem::path& path) {
  const Decoder decoder(path.string());
  const YamlNode root = core::parse_yaml(text, path.string());
  Case one;
  one.path = path;
  one.acts = acts_of(text);
  one.name = path.stem();
  decoder.map(root, "a case",
              {{"title", [&](const YamlNode& value) { one.title = decoder.text(value); }},
               {"story", [&](const YamlNode& value) { one.story = joined(decoder.text(value)); }},
               {"source", [&](const YamlNode& value) { one.source = decoder.text(value); }},
               {"lesson", [&](const YamlNode& value) { one.lesson = joined(decoder.text(value)); }},
               {"tags",
                [&](const YamlNode& value) {
                  decoder.check(value, Kind::texts);
                  one.tags = texts_of(value);
                }},
               {"given", [&](const YamlNode& value) { one.given = read_given(decoder, value); }},
               {"when", [&](const YamlNode& value) { one.when = read_steps(decoder, value, "when"); }},
               {"then", [&](const YamlNode& value) { one.then = read_expectations(decoder, value, "then"); }}});
  for (const auto& [key, missing] : {std::pair{"title", one.title.empty()},
                                     {"story", one.story.empty()},
                                     {"when", one.when.empty()},
                                     {"then", one.then.empty()}})
    if (missing) decoder.fail(1, fmt::format("'{}' is missing; see docs/scenarios.md", key));
  if (one.when.back().fault != nullptr && root.find("then")->find("verdict") != nullptr)
    decoder.fail(one.when.back().line, "'then' is about the last command: the last step has to be one");
  return one;
}

std::vector<Case> load_cases(const std::filesystem::path& directory) {
  if (!std::filesystem::is_directory(directory))
    throw core::Error(core::ErrorKind::not_found, directory.string() + " is no directory: the cases should be there");
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Case> cases;
  for (const std::filesystem::path& file : files) cases.push_back(parse_case(core::read_file(file), file));
  return cases;
}

std::filesystem::path scenarios_directory() {
  if (const char* given = std::getenv("DRILL_SCENARIOS"); given != nullptr && *given != '\0') return given;
  std::error_code unreadable;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", unreadable);
  const std::filesystem::path installed = program.parent_path().parent_path() / "share/k3s-drill/scenarios";
  for (const std::filesystem::path& place : {installed, std::filesystem::path(DRILL_SOURCE_DIR) / "scenarios"})
    if (std::filesystem::is_directory(place / "cases")) return place;
  throw core::Error(core::ErrorKind::not_found,
                    "the scenarios are neither in " + installed.string() +
                        " nor where this program was built; say where with DRILL_SCENARIOS");
}

}  // namespace scenarios
