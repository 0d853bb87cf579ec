#include "tests/pages/pages.hpp"

#include <algorithm>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "core/file.hpp"

namespace pages {
namespace {

const std::string kFence = "```";

struct Mark {
  std::string command;  // empty: all of the block
  std::string not_run;
  std::optional<int> exit_code;
};

Mark parse_mark(const std::string& line, const std::string& place) {
  static const std::regex not_run("<!-- not run(?:, `(.+)`)?: (\\S.*) -->");
  static const std::regex exits("<!-- exits ([0-9]+), `(.+)` -->");
  std::smatch match;
  if (std::regex_match(line, match, not_run)) return {match[1], match[2], {}};
  if (std::regex_match(line, match, exits)) return {match[2], {}, std::stoi(match[1])};
  throw std::runtime_error(place + ": no such mark: " + line);
}

bool is_mark(const std::string& line) { return line.starts_with("<!-- not run") || line.starts_with("<!-- exits"); }

std::string without_comment(const std::string& line) {
  const std::string text = line.substr(0, line.find(" #"));
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

// Of a line that is not looked at: it must not be one that a reader would type.
bool looks_typed(const std::string& line) {
  static const std::regex command("(\\$ |drill |kubectl |scripts/|sudo |apt-get |cmake |ssh ).*");
  return std::regex_match(line, command);
}

std::vector<Command> lines_of_shell(const std::string& text) {
  std::vector<Command> commands;
  std::istringstream lines(text);
  std::string whole;
  for (std::string line; std::getline(lines, line);) {
    whole += whole.empty() ? line : line.substr(line.find_first_not_of(' '));
    if (whole.ends_with('\\')) {
      whole.pop_back();
      continue;
    }
    if (const std::string typed = without_comment(whole); !typed.empty() && typed[0] != '#')
      commands.push_back({typed, {}, {}, 0});
    whole.clear();
  }
  return commands;
}

std::vector<Command> typed_at_prompts(const std::string& text) {
  std::vector<Command> commands;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("$ ")) commands.push_back({without_comment(line.substr(2)), {}, {}, 0});
  return commands;
}

// The variables of a crontab are put before each of its commands, as cron does.
std::vector<Command> lines_of_crontab(const std::string& text) {
  static const std::regex variable("([A-Z]+)=(.*)");
  static const std::regex entry("(?:[-0-9*/,]+ +){5}(\\S+) +(.*)");
  std::vector<Command> commands;
  std::string variables;
  std::istringstream lines(text);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, variable)) variables += "export " + line + "; ";
    if (std::regex_match(line, match, entry)) commands.push_back({variables + match[2].str(), match[1], {}, 0});
  }
  return commands;
}

std::vector<Command> commands_of(const Block& block) {
  if (block.language == "sh") return lines_of_shell(block.text);
  if (block.language == "console") return typed_at_prompts(block.text);
  if (block.language == "crontab") return lines_of_crontab(block.text);
  std::istringstream lines(block.text);
  for (std::string line; std::getline(lines, line);)
    if (looks_typed(line)) throw std::runtime_error(block.place + ": a command in a block of " + block.language);
  return {};
}

void apply(const Mark& mark, Block& block) {
  bool applied = false;
  for (Command& command : block.commands) {
    if (!mark.command.empty() && mark.command != command.text) continue;
    command.not_run = mark.not_run;
    command.exit_code = mark.exit_code.value_or(0);
    applied = true;
  }
  if (!applied) throw std::runtime_error(block.place + ": a mark of no command: " + mark.command + mark.not_run);
}

}  // namespace

std::vector<std::filesystem::path> all() {
  const std::filesystem::path root = DRILL_SOURCE_DIR;
  std::vector<std::filesystem::path> found{root / "README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  std::sort(found.begin() + 1, found.end());
  return found;
}

std::vector<Block> blocks_of(const std::string& text, const std::string& name) {
  std::vector<Block> blocks;
  std::vector<Mark> marks;
  bool inside = false;
  int number = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string place = name + ":" + std::to_string(++number);
    if (inside && line == kFence) {
      inside = false;
      blocks.back().commands = commands_of(blocks.back());
      for (const Mark& mark : marks) apply(mark, blocks.back());
      marks.clear();
    } else if (inside) {
      blocks.back().text += line + "\n";
    } else if (line.starts_with(kFence)) {
      inside = true;
      blocks.push_back({place, line.substr(kFence.size()), {}, {}});
      if (line == kFence) throw std::runtime_error(place + ": a block that does not say what is in it");
    } else if (is_mark(line)) {
      marks.push_back(parse_mark(line, place));
    } else if (!marks.empty()) {
      throw std::runtime_error(place + ": a mark that no block follows");
    }
  }
  if (inside || !marks.empty()) throw std::runtime_error(name + ": ends in a block, or with a mark");
  return blocks;
}

std::vector<Block> all_blocks() {
  std::vector<Block> blocks;
  for (const std::filesystem::path& page : all())
    for (Block& block : blocks_of(core::read_file(page), page.filename())) blocks.push_back(std::move(block));
  return blocks;
}

std::vector<std::string> spans_of(const std::string& text) {
  static const std::regex span("`([^`]+)`");
  std::vector<std::string> spans;
  bool inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kFence)) inside = !inside;
    if (inside || line.starts_with("<!--")) continue;
    for (std::sregex_iterator found(line.begin(), line.end(), span), end; found != end; ++found)
      spans.push_back((*found)[1]);
  }
  return spans;
}

}  // namespace pages
