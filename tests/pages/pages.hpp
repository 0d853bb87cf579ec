// README.md and docs/*.md as their readers type them: the blocks of commands with what their marks say, the snippets of
// config, and the commands that the prose names. What it does not do: run anything.
//
// A fence says what is in it: `sh` commands, one a line; `console` commands behind "$ ", and what they printed;
// `crontab` lines of cron.d; `yaml` config; anything else holds no command. Marks are comments right before a block:
//   <!-- not run: REASON -->              none of its commands is run
//   <!-- not run, `COMMAND`: REASON -->   this one is not
//   <!-- exits 1, `COMMAND` -->           this one ends with that exit code
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pages {

struct Command {
  std::string text;     // as typed, without prompt and comment
  std::string user;     // in a crontab; else empty: root
  std::string not_run;  // why; empty: it is run
  int exit_code = 0;    // that it ends with
};

struct Block {
  std::string place;  // "README.md:14", its fence
  std::string language;
  std::string text;
  std::vector<Command> commands;
};

/// README.md and docs/*.md.
std::vector<std::filesystem::path> all();

/// The blocks of a page. `name` is for messages. Throws: std::runtime_error for a fence without a language, a command
/// where none is looked for, a mark without a reason, and one of nothing that is there.
std::vector<Block> blocks_of(const std::string& text, const std::string& name);

/// The blocks of all().
std::vector<Block> all_blocks();

/// What stands between backticks on one line of the page's prose and tables, outside of blocks.
std::vector<std::string> spans_of(const std::string& text);

}  // namespace pages
