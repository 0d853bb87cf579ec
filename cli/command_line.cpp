#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "core/file.hpp"
#include "core/log.hpp"
#include "core/scratch_dir.hpp"

namespace cli {
namespace {

enum class AfterDashes { arguments, program };

struct Entry {
  const char* name;
  const char* help;
  Action (*declare)(CLI::App&);
  AfterDashes after_dashes = AfterDashes::arguments;
};

constexpr std::array<Entry, 15> kCommands{{
    {"pull", "Pull one snapshot of each configured cluster into the store", declare_pull},
    {"list", "List the snapshots in the store and what is proven about them", declare_list},
    {"show", "Show one snapshot: where it came from, its files, its proof", declare_show},
    {"verify", "Prove snapshots offline: file, rows, objects, token", declare_verify},
    {"run", "Restore into a throwaway control plane, time it, compare every object, tear it down", declare_run},
    {"explore", "Look into a snapshot: a throwaway control plane, and a shell or command whose kubectl reaches it",
     declare_explore, AfterDashes::program},
    {"restore", "Put a snapshot back onto a node, prove it, and roll back when anything fails", declare_restore},
    {"extract", "Write the plain state.db of a snapshot to a new file", declare_extract},
    {"diff", "Say what was created, changed and deleted between two snapshots", declare_diff},
    {"log", "Follow one object through all snapshots, and say where it vanished", declare_log},
    {"import", "Adopt plain state.db.YYYYmmddTHHMMSSZ files as snapshots", declare_import},
    {"prune", "Remove what no keep_ rule keeps, and explain each snapshot", declare_prune},
    {"series", "Show which clusters the snapshots of one are of, and say which of them counts", declare_series},
    {"report", "Tell what the drills so far say together", declare_report},
    {"doctor", "Check host, config, store, ssh, node and engine; each failing line says the cure", declare_doctor},
}};

constexpr std::size_t kColumns = 80;
constexpr std::size_t kNarrowest = 40;  // narrower ones break every line anyway

constexpr std::string_view kFooter =
    "SNAPSHOT is CLUSTER/20261123T231700Z, CLUSTER/latest or CLUSTER/proven; CLUSTER/ may be left out when there is "
    "one.\n"
    "Exit codes: 0 pass, 1 fail (the backup is bad, or an objective was missed), 2 usage or config,\n"
    "3 inconclusive or could not run, 130 cancelled.";

std::string error_json(const core::Error& error) {
  const nlohmann::ordered_json document = {
      {"schema", "k3s-drill/error/1"}, {"kind", core::to_string(error.kind())}, {"message", error.what()}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// CLI11 2.1 loses its way at "--", so it never sees one: each word behind it has this mark in front, by which it is
// neither an option nor a command.
constexpr char kArgument = '\x01';

std::string without_mark(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), kArgument), text.end());
  return text;
}

void take_marks_off(CLI::App& command) {
  for (CLI::Option* option : command.get_options([](const CLI::Option* one) { return one->get_positional(); }))
    option->transform(without_mark);
  for (CLI::App* further : command.get_subcommands([](CLI::App*) { return true; })) take_marks_off(*further);
}

// The entry of the first word that is neither an option of drill itself nor the value of one; nullptr for none.
const Entry* command_of(const CLI::App& app, const std::vector<std::string>& words) {
  for (auto word = words.begin(); word != words.end(); ++word) {
    if (word->starts_with('-')) {
      const CLI::Option* option = app.get_option_no_throw(*word);
      if (option != nullptr && option->get_items_expected_max() > 0 && ++word == words.end()) break;
      continue;
    }
    const auto* found =
        std::find_if(kCommands.begin(), kCommands.end(), [&](const Entry& entry) { return *word == entry.name; });
    return found == kCommands.end() ? nullptr : found;
  }
  return nullptr;
}

// `words` in the order they were typed in; CLI11 says them from the last to the first. `entry` may be nullptr.
CLI::ExtrasError not_expected(const std::vector<std::string>& words, const Entry* entry) {
  std::string text = fmt::format("{} not expected: {}",
                                 words.size() == 1 ? "The following argument was" : "The following arguments were",
                                 fmt::join(words, " "));
  if (entry != nullptr && entry->after_dashes == AfterDashes::program && !words.front().starts_with('-'))
    text += fmt::format("; put -- before {} if it is the command to run", words.front());
  return {text, CLI::ExitCodes::ExtrasError};
}

int report(const core::Error& error, Format format) {
  core::clear_progress();
  core::log_error(error.what());
  if (format == Format::json) {
    try {
      print(error_json(error));
    } catch (const core::Error&) {
      // stdout is gone; the exit code still tells.
    }
  }
  return exit_code(error.kind());
}

}  // namespace

void print(std::string_view text) { core::write_all(STDOUT_FILENO, text, "standard output"); }

reports::Colour colour() {
  return ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr ? reports::Colour::yes
                                                                            : reports::Colour::no;
}

reports::Page page(const Globals& globals) {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= kNarrowest;
  return {colour(), known ? size.ws_col : kColumns, globals.verbose ? reports::Detail::all : reports::Detail::brief};
}

int exit_code(core::ErrorKind kind) {
  switch (kind) {
    case core::ErrorKind::usage:
      return 2;
    case core::ErrorKind::cancelled:
      return 130;
    case core::ErrorKind::damaged:
      return 1;
    default:
      return 3;
  }
}

std::vector<std::string> choose_clusters(const Config& config, const std::vector<std::string>& names) {
  std::vector<std::string> chosen;
  for (const std::string& name : names.empty() ? config.cluster_names : names)
    if (std::find(chosen.begin(), chosen.end(), name) == chosen.end()) chosen.push_back(name);
  if (chosen.empty()) throw core::Error(core::ErrorKind::usage, config.path.string() + ": no clusters are configured");
  for (const std::string& name : chosen) {
    if (config.clusters.count(name) != 0) continue;
    std::string known;
    for (const std::string& cluster : config.cluster_names) known += (known.empty() ? "" : ", ") + cluster;
    throw core::Error(core::ErrorKind::usage,
                      fmt::format("no cluster '{}' in {}; there are: {}", name, config.path.string(), known));
  }
  return chosen;
}

CommandLine::CommandLine()
    : app_("k3s drill: proves that a k3s cluster on SQLite can be brought back, and how long it takes", "drill") {
  app_.set_version_flag("--version", "drill " DRILL_VERSION);
  app_.add_option("--config", globals_.config_path,
                  "Config file (default: ~/.config/drill/config.yaml, else /etc/drill/config.yaml)");
  app_.add_flag("--json", json_, "One JSON document on stdout and nothing else");
  auto* quiet = app_.add_flag("-q,--quiet", globals_.quiet, "Only errors on stderr");
  app_.add_flag("-v,--verbose", globals_.verbose, "More on stderr, and everything in what is shown")->excludes(quiet);
  app_.footer(std::string(kFooter));
  app_.require_subcommand(1);
  app_.fallthrough();
  for (const Entry& entry : kCommands) {
    CLI::App* command = app_.add_subcommand(entry.name, entry.help);
    command->footer(std::string(kFooter));
    actions_.emplace(command, entry.declare(*command));
    take_marks_off(*command);
  }
}

void CommandLine::parse(std::vector<std::string> words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  const std::vector<std::string> after(dashes == words.end() ? dashes : dashes + 1, words.end());
  words.erase(dashes, words.end());
  // Already now, as the flag may not be reached when the rest is wrong.
  globals_.format = std::find(words.begin(), words.end(), "--json") == words.end() ? Format::text : Format::json;
  const Entry* entry = command_of(app_, words);
  if (entry != nullptr && entry->after_dashes == AfterDashes::program)
    globals_.program = after;
  else
    for (const std::string& word : after) words.push_back(kArgument + word);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app_.parse(std::move(words));
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app_.remaining(true);
    if (extras.empty()) throw;
    throw not_expected(extras, entry);
  }
  globals_.format = json_ ? Format::json : Format::text;
}

int CommandLine::act() const { return actions_.at(app_.get_subcommands().front())(globals_); }

int run_command_line(int argc, char** argv) {
  ::umask(077);
  CommandLine line;
  const Globals& globals = line.globals();
  try {
    line.parse({argv + 1, argv + argc});
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return line.app().exit(error);
    return report(core::Error(core::ErrorKind::usage,
                              fmt::format("{} (drill --help shows what there is)", without_mark(error.what()))),
                  globals.format);
  }
  core::set_log_level(globals.quiet     ? core::LogLevel::quiet
                      : globals.verbose ? core::LogLevel::verbose
                                        : core::LogLevel::normal);

  core::remove_orphaned_scratch_dirs();
  try {
    return line.act();
  } catch (...) {
    return report(core::caught(), globals.format);
  }
}

}  // namespace cli
