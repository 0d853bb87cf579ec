// The commands of drill: what each is called, how it is typed, and where its options are declared.
// What it does not do: read a command line (cli/command_line.hpp).
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"

namespace cli {

/// What stands behind the first "--".
enum class AfterDashes { arguments, program };

struct CommandEntry {
  const char* name;
  const char* arguments;  // "SNAPSHOT [-- COMMAND...]"
  const char* help;
  const char* example;  // one that could be typed
  Action (*declare)(CLI::App&);
  AfterDashes after_dashes = AfterDashes::arguments;
};

inline constexpr std::size_t kCommandCount = 16;
extern const std::array<CommandEntry, kCommandCount> kCommands;

/// That of `app`, which may be a part of it ("report history"); nullptr for drill itself.
const CommandEntry* entry_of(const CLI::App& app);

/// "drill report history"; "drill" for drill itself.
std::string typed_name(const CLI::App& app);

/// What `drill help` says, of drill or of one command.
std::string help_text(const CLI::App& app, const reports::Page& page);

/// Only what the commands are.
std::string short_help(const CLI::App& app, const reports::Page& page);

}  // namespace cli
