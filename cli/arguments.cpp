#include "cli/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "core/edit_distance.hpp"
#include "core/error.hpp"

namespace cli {
namespace {

[[noreturn]] void refuse(std::string message) { throw core::Error(core::ErrorKind::usage, std::move(message)); }

std::string help_of(const CLI::App& app) {
  const CommandEntry* entry = entry_of(app);
  return entry == nullptr ? "drill help" : fmt::format("drill help {}", entry->name);
}

std::vector<const CLI::App*> parts_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

const CLI::App* part_named(const CLI::App& app, const std::string& name) {
  for (const CLI::App* part : parts_of(app))
    if (part->get_name() == name) return part;
  return nullptr;
}

const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  for (const CLI::App* one = &app; one != nullptr; one = one->get_parent())
    if (const CLI::Option* option = one->get_option_no_throw(name)) return option;
  return nullptr;
}

std::vector<std::string> long_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* one = &app; one != nullptr; one = one->get_parent())
    for (const CLI::Option* option : one->get_options())
      for (const std::string& name : option->get_lnames())
        if (!option->get_group().empty()) names.push_back("--" + name);
  return names;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

class Walk {
 public:
  Walk(const CLI::App& drill, const std::vector<std::string>& words) : drill_(drill) {
    found_.command = &drill;
    const auto dashes = std::find(words.begin(), words.end(), "--");
    typed_.assign(words.begin(), dashes);
    if (dashes != words.end()) behind_.assign(dashes + 1, words.end());
  }

  Words run() {
    for (at_ = 0; at_ < typed_.size(); ++at_) {
      const std::string& word = typed_[at_];
      if (word.size() > 1 && word.starts_with("--"))
        take_long(word);
      else if (word.size() > 1 && word.starts_with('-'))
        take_short(word);
      else
        take_word(word);
    }
    const CommandEntry* entry = entry_of(*found_.command);
    if (entry != nullptr && entry->after_dashes == AfterDashes::program)
      found_.program = std::move(behind_);
    else
      take_behind_dashes();
    if (!found_.help && !found_.version) check_complete();
    return std::move(found_);
  }

 private:
  void take_long(const std::string& word) {
    const std::string name = word.substr(0, word.find('='));
    const CLI::Option& option = known_option(name);
    if (name == "--help") found_.help = true;
    if (name == "--version") found_.version = true;
    found_.words.push_back(word);
    if (takes_value(option) && name == word) take_value(name);
  }

  // "-v", "-qv", "-j4", "-j 4"
  void take_short(const std::string& word) {
    found_.words.push_back(word);
    for (std::size_t i = 1; i < word.size(); ++i) {
      const std::string name{'-', word[i]};
      const CLI::Option& option = known_option(name);
      if (name == "-h") found_.help = true;
      if (!takes_value(option)) continue;
      if (i + 1 == word.size()) take_value(name);
      return;
    }
  }

  const CLI::Option& known_option(const std::string& name) const {
    if (const CLI::Option* option = find_option(*found_.command, name)) return *option;
    const std::string where = typed_name(*found_.command);
    const std::string otherwise = help_of(*found_.command) + " lists what there is";
    refuse(fmt::format("{} has no option {}: {}", where, name,
                       core::did_you_mean(name, long_options(*found_.command), otherwise)));
  }

  void take_value(const std::string& name) {
    const bool is_there = at_ + 1 < typed_.size();
    const std::string next = is_there ? typed_[at_ + 1] : "";
    if (!is_there || (next.starts_with("--") && find_option(*found_.command, next) != nullptr))
      refuse(fmt::format("{} needs a value{}: {} says which", name,
                         is_there ? fmt::format(", and {} is an option", next) : "", help_of(*found_.command)));
    found_.words.push_back(next);
    ++at_;
  }

  void take_word(const std::string& word) {
    const bool names_part = !parts_of(*found_.command).empty();
    if (found_.command == &drill_ && word == "help") {
      found_.help = true;
    } else if (names_part) {
      take_part(word);
    } else {
      take_argument(word);
    }
  }

  void take_part(const std::string& word) {
    if (const CLI::App* part = part_named(*found_.command, word)) {
      found_.command = part;
      found_.words.push_back(word);
      return;
    }
    std::vector<std::string> names;
    for (const CLI::App* part : parts_of(*found_.command)) names.push_back(part->get_name());
    if (found_.command == &drill_) names.emplace_back("help");
    refuse(fmt::format("{} has no command '{}': {}", typed_name(*found_.command), word,
                       core::did_you_mean(word, names, help_of(*found_.command) + " lists what there is")));
  }

  void take_argument(const std::string& word) {
    if (++arguments_ > most_arguments()) too_many(word);
    found_.words.push_back(kArgument + word);
  }

  std::size_t most_arguments() const {
    std::size_t most = 0;
    for (const CLI::Option* option : found_.command->get_options())
      if (option->get_positional()) most += static_cast<std::size_t>(option->get_items_expected_max());
    return most;
  }

  [[noreturn]] void too_many(const std::string& word) const {
    const CommandEntry* entry = entry_of(*found_.command);
    if (entry->after_dashes == AfterDashes::program) {
      const std::vector<std::string> rest(typed_.begin() + static_cast<std::ptrdiff_t>(at_), typed_.end());
      refuse(fmt::format("not expected: {}; put -- before {} if it is the command to run", fmt::join(rest, " "), word));
    }
    refuse(fmt::format("not expected: {}; it is typed as in: {}", word, entry->example));
  }

  void take_behind_dashes() {
    for (const std::string& word : behind_) {
      if (entry_of(*found_.command) == nullptr || !parts_of(*found_.command).empty())
        refuse(fmt::format("name the command before the --: {} lists what there is", help_of(*found_.command)));
      take_argument(word);
    }
  }

  void check_complete() const {
    const std::vector<const CLI::App*> parts = parts_of(*found_.command);
    if (found_.command == &drill_) refuse("no command is named: drill help lists what there is");
    if (!parts.empty())
      refuse(fmt::format("{} needs one word more, as in: {}", typed_name(*found_.command),
                         entry_of(*found_.command)->example));
  }

  const CLI::App& drill_;
  std::vector<std::string> typed_;
  std::vector<std::string> behind_;
  std::size_t at_ = 0;
  std::size_t arguments_ = 0;
  Words found_;
};

}  // namespace

Words look_at(const CLI::App& drill, const std::vector<std::string>& words) { return Walk(drill, words).run(); }

}  // namespace cli
