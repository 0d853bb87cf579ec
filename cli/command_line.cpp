#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "core/json_text.hpp"
#include "core/logging.hpp"
#include "core/printable.hpp"
#include "core/scratch_dir.hpp"

namespace cli {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kNarrowest = 20;

Format output_format = Format::text;  // set once, before a command runs

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::optional<std::size_t> terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return std::max<std::size_t>(size.ws_col, kNarrowest);
}

// As the C library chooses: the first that is set counts.
bool has_unicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const std::string value = environment(name); !value.empty())
      return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos;
  return false;
}

std::string error_json(const core::Error& error) {
  const nlohmann::ordered_json document = {
      {"schema", "k3s-drill/error/1"}, {"kind", core::to_string(error.kind())}, {"message", error.what()}};
  return core::json_text(document);
}

std::string without_mark(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), kArgument), text.end());
  return text;
}

void take_marks_off(CLI::App& command) {
  for (CLI::Option* option : command.get_options([](const CLI::Option* one) { return one->get_positional(); }))
    option->transform(without_mark);
  for (CLI::App* further : command.get_subcommands([](CLI::App*) { return true; })) take_marks_off(*further);
}

// What CLI11 found after look_at() had nothing against the words.
core::Error translated(const CLI::ParseError& error, const CLI::App& command, const std::vector<std::string>& words) {
  const auto usage = [](std::string text) { return core::Error(core::ErrorKind::usage, std::move(text)); };
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
    for (const CLI::Option* option : command.get_options())
      if (option->get_required() && option->count() == 0)
        return usage(fmt::format("{} is missing, as in: {}", option->get_name(), entry_of(command)->example));
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr)
    for (const std::string& word : words)
      if (word.starts_with("--") && word.find('=') != std::string::npos)
        return usage(fmt::format("{}: the option takes no value, or not this one: drill help {} says which", word,
                                 entry_of(command)->name));
  return usage(without_mark(error.what()));
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

std::string presentable(std::string_view text) {
  if (output_format == Format::json) return core::printable_json(text);
  if (::isatty(STDOUT_FILENO) == 0) return reports::shown(text, colour());
  return reports::shown(reports::fitted(text, terminal_columns().value_or(kColumns)), colour());
}

}  // namespace

void print(std::string_view text) {
  const std::string bytes = presentable(text);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    // Who read it has seen enough (| head). What was asked for is done all the same, and the exit code says how.
    if (put < 0 && errno == EPIPE) return;
    if (put < 0) throw core::system_error(errno, "writing standard output");
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
}

reports::Colour colour() {
  const bool requested = environment("NO_COLOR").empty() && environment("TERM") != "dumb";
  return requested && ::isatty(STDOUT_FILENO) != 0 ? reports::Colour::yes : reports::Colour::no;
}

reports::Page page(const Globals& globals) {
  reports::Page page{colour(), terminal_columns().value_or(kColumns),
                     globals.verbose ? reports::Detail::all : reports::Detail::brief};
  page.letters = has_unicode() ? reports::Letters::unicode : reports::Letters::ascii;
  page.fit = ::isatty(STDOUT_FILENO) != 0 ? reports::Fit::yes : reports::Fit::no;
  return page;
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

CommandLine::CommandLine()
    : app_("k3s drill proves that a k3s cluster on SQLite can be brought back, and how long it takes", "drill") {
  app_.set_help_flag("-h,--help", "Show what drill, or a command, takes");
  app_.add_flag("--version", found_.version, "Show the version");
  app_.add_option("--config", globals_.config_path,
                  "The config (default: ~/.config/drill/config.yaml, else /etc/drill/config.yaml)")
      ->type_name("FILE");
  app_.add_flag("--json", json_, "One JSON document on stdout and nothing else");
  app_.add_flag("-q,--quiet", globals_.quiet, "Only errors on stderr");
  app_.add_flag("-v,--verbose", globals_.verbose, "More on stderr, and everything in what is shown");
  app_.require_subcommand(1);
  app_.fallthrough();
  for (const CommandEntry& entry : kCommands) {
    CLI::App* command = app_.add_subcommand(entry.name, entry.help);
    command->set_help_flag();
    actions_.emplace(command, entry.declare(*command));
    take_marks_off(*command);
  }
}

void CommandLine::parse(const std::vector<std::string>& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  // Already now, as the flag may not be reached when the rest is wrong.
  globals_.format = std::find(words.begin(), end, "--json") == end ? Format::text : Format::json;
  found_ = look_at(app_, words);
  if (found_.help || found_.version) return;
  globals_.program = found_.program;
  try {
    app_.parse(std::vector<std::string>(found_.words.rbegin(), found_.words.rend()));  // as CLI11 wants them
  } catch (const CLI::ParseError& error) {
    throw translated(error, *found_.command, found_.words);
  }
  globals_.format = json_ ? Format::json : Format::text;
  if (globals_.quiet && globals_.verbose)
    throw core::Error(core::ErrorKind::usage, "give either --quiet or --verbose, not both");
}

int CommandLine::act() const {
  if (found_.version) {
    print("drill " DRILL_VERSION "\n");
    return 0;
  }
  if (found_.help) {
    print(help_text(*found_.command, page(globals_)));
    return 0;
  }
  return actions_.at(app_.get_subcommands().front())(globals_);
}

int run_command_line(int argc, char** argv) {
  ::umask(077);
  CommandLine line;
  const Globals& globals = line.globals();
  if (argc < 2) {
    core::show_lines(reports::shown(short_help(line.app(), page(globals)), reports::Colour::no));
    return exit_code(core::ErrorKind::usage);
  }
  try {
    line.parse({argv + 1, argv + argc});
    output_format = globals.format;
    core::set_log_level(globals.quiet     ? core::LogLevel::quiet
                        : globals.verbose ? core::LogLevel::verbose
                                          : core::LogLevel::normal);
    core::remove_orphaned_scratch_dirs();
    return line.act();
  } catch (...) {
    return report(core::caught(), globals.format);
  }
}

}  // namespace cli
