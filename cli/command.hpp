// What a command is made of: its options, declared on a CLI11 app, and the action that runs it and gives the exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config.hpp"
#include "core/error.hpp"
#include "reports/text.hpp"

namespace cli {

enum class Format { text, json };

/// The options every command has.
struct Globals {
  std::filesystem::path config_path;
  Format format = Format::text;
  bool quiet = false;
  bool verbose = false;
  std::vector<std::string> program;  // what stands behind "--", for a command that runs a program
};

using Action = std::function<int(const Globals&)>;

// One per command, each in a file of its name.
Action declare_pull(CLI::App& app);
Action declare_list(CLI::App& app);
Action declare_show(CLI::App& app);
Action declare_verify(CLI::App& app);
Action declare_run(CLI::App& app);
Action declare_restore(CLI::App& app);
Action declare_explore(CLI::App& app);
Action declare_extract(CLI::App& app);
Action declare_diff(CLI::App& app);
Action declare_log(CLI::App& app);
Action declare_import(CLI::App& app);
Action declare_report(CLI::App& app);
Action declare_prune(CLI::App& app);
Action declare_series(CLI::App& app);
Action declare_doctor(CLI::App& app);
Action declare_scenario(CLI::App& app);

/// Writes a result to stdout; on a terminal, text is fitted to its width. A reader that is gone (| head) is no failure.
/// Throws: storage (a full disk).
void print(std::string_view text);

/// Colour when stdout is a terminal and NO_COLOR is unset.
reports::Colour colour();

/// As wide as the terminal on stdout, else 80 columns; all details with --verbose.
reports::Page page(const Globals& globals);

/// 2 for usage, 130 for cancelled, 1 for damaged, 3 for anything else that kept us from looking.
int exit_code(core::ErrorKind kind);

/// For an option: one of these words.
CLI::Validator one_of(std::vector<std::string> words);

/// For an option: a whole number of that range.
CLI::Validator whole_number(long least, long most);

/// The program: parses `argv`, runs one command, translates what is thrown. The only caller is main.
int run_command_line(int argc, char** argv);

}  // namespace cli
