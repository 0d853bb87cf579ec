// What can be said of the pages without running anything: their marks, their config, the commands that they name.
#include "tests/pages/pages.hpp"

#include <set>
#include <sstream>

#include "cli/command_line.hpp"
#include "cli/config.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

// The first word that is neither a command nor an option of one; empty for none. A line that leaves out what a command
// needs is refused for that first, whatever else is wrong with it.
std::string unknown_word(const CLI::App* app, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word.starts_with('-')) {
      const CLI::App* owner = app;
      while (owner != nullptr && owner->get_option_no_throw(word.substr(0, word.find('='))) == nullptr)
        owner = owner->get_parent();
      if (owner == nullptr) return word;
      continue;
    }
    const auto commands = app->get_subcommands([&](const CLI::App* one) { return one->get_name() == word; });
    if (commands.empty() && app->get_parent() == nullptr) return word;
    if (!commands.empty()) app = commands.front();
  }
  return {};
}

// "" when drill takes a command line that a page names, whose placeholders are in capitals; else what is wrong with it.
std::string refusal(const std::string& mention) {
  std::vector<std::string> words;
  std::string plain;
  for (const char c : mention)
    if (std::string("[]\\").find(c) == std::string::npos) plain += c;
  std::istringstream text(plain.substr(plain.find(' ')));
  for (std::string word; text >> word;) {
    if (const std::size_t dots = word.find("..."); dots != std::string::npos) word.erase(dots);
    if (word.find('|') != std::string::npos && !word.starts_with('-')) word.erase(word.find('|'));
    if (!word.empty()) words.push_back(word == "COMMAND" ? "list" : word);
  }
  cli::CommandLine line;
  try {
    line.parse(words);
  } catch (const core::Error& error) {
    const std::string said = error.what();
    for (const char* left_out : {" is missing, as in", " needs a value", " needs one word more", "'FAULT' is none of"})
      if (said.find(left_out) != std::string::npos) return unknown_word(&line.app(), words);
    return said;
  }
  return {};
}

std::string trouble(const std::string& page) {
  try {
    pages::blocks_of(page, "page");
    return {};
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("every block of a page says what is in it, and every mark why and of what") {
  for (const std::filesystem::path& page : pages::all()) {
    INFO(page.string());
    CHECK_NOTHROW(pages::blocks_of(core::read_file(page), page.filename()));
  }
}

TEST_CASE("the README fits on three screens, prose in 120 columns, and each page says first what it is for") {
  for (const std::filesystem::path& page : pages::all()) {
    const std::string text = core::read_file(page);
    const bool readme = page.filename() == "README.md";
    if (!readme) {
      INFO(page.string());
      CHECK_THAT(text.substr(text.find("\n\n") + 2), StartsWith("This page "));
    }
    std::istringstream lines(text);
    std::size_t count = 0;
    bool inside = false;     // a block
    bool generated = false;  // by a benchmark
    for (std::string line; std::getline(lines, line); ++count) {
      if (line.starts_with("```")) inside = !inside;
      if (line.starts_with("<!-- ")) generated = line.ends_with(": begin -->");
      if (inside || generated || line.starts_with("<!-- ") || line.starts_with("|")) continue;
      INFO(page.string() << ":" << count + 1);
      CHECK(line.size() <= 120);
    }
    if (readme) CHECK(count <= 130);
  }
}

TEST_CASE("a page with a hidden command, or a mark that says nothing or is of nothing, is told") {
  CHECK(trouble("```sh\ndrill list\n```\n").empty());
  CHECK(trouble("<!-- not run: it takes a day -->\n```sh\nscripts/bench\n```\n").empty());
  const auto [page, words] = GENERATE(table<std::string, std::string>({
      {"```\ndrill list\n```\n", "does not say what is in it"},
      {"```text\ndrill list\n```\n", "a command in a block of text"},
      {"```text\n$ drill list\n```\n", "a command in a block of text"},
      {"<!-- not run: -->\n```sh\ndrill list\n```\n", "no such mark"},
      {"<!-- not run -->\n```sh\ndrill list\n```\n", "no such mark"},
      {"<!-- not run, `drill show`: why -->\n```sh\ndrill list\n```\n", "a mark of no command"},
      {"<!-- exits 1, `drill show` -->\n```sh\ndrill list\n```\n", "a mark of no command"},
      {"<!-- not run: why -->\n```text\nresult\n```\n", "a mark of no command"},
      {"<!-- not run: why -->\n\n```sh\ndrill list\n```\n", "no block follows"},
      {"```sh\ndrill list\n", "ends in a block"},
  }));
  CAPTURE(page);
  CHECK_THAT(trouble(page), Contains(words));
}

TEST_CASE("commands are read from a page as a reader types them") {
  const std::vector<pages::Block> blocks = pages::blocks_of(
      "<!-- exits 3, `drill list` -->\n<!-- not run, `drill pull -v`: why -->\n"
      "```sh\n# first\ndrill list   # all\n\ndrill pull \\\n  -v\n```\n```console\n$ drill show x\npass\n```\n"
      "```crontab\nPATH=/bin\n17 *  * * *  me  drill pull >/dev/null\n```\n",
      "page");
  REQUIRE(blocks.size() == 3);
  REQUIRE(blocks[0].commands.size() == 2);
  CHECK(blocks[0].commands[0].text == "drill list");
  CHECK(blocks[0].commands[0].exit_code == 3);
  CHECK(blocks[0].commands[0].not_run.empty());
  CHECK(blocks[0].commands[1].not_run == "why");
  REQUIRE(blocks[1].commands.size() == 1);
  CHECK(blocks[1].commands[0].text == "drill show x");
  REQUIRE(blocks[2].commands.size() == 1);
  CHECK(blocks[2].commands[0].text == "export PATH=/bin; drill pull >/dev/null");
  CHECK(blocks[2].commands[0].user == "me");
}

TEST_CASE("a reason that names a test names one that is there") {
  for (const pages::Block& block : pages::all_blocks())
    for (const pages::Command& command : block.commands)
      if (command.not_run.starts_with("tests/")) {
        INFO(block.place << ": " << command.not_run);
        CHECK(std::filesystem::exists(DRILL_SOURCE_DIR "/" + command.not_run.substr(0, command.not_run.find(' '))));
      }
}

TEST_CASE("every config in a page is one that drill takes") {
  std::size_t count = 0;
  for (const pages::Block& block : pages::all_blocks()) {
    if (block.language != "yaml") continue;
    INFO(block.place);
    CHECK_NOTHROW(cli::parse_config(block.text, block.place));
    ++count;
  }
  CHECK(count >= 3);
}

TEST_CASE("every drill command that a page names is one, with options that it has") {
  CHECK_FALSE(refusal("drill frobnicate").empty());
  CHECK_FALSE(refusal("drill list --bogus").empty());
  CHECK_FALSE(refusal("drill show --bogus").empty());
  CHECK_FALSE(refusal("drill run [CLUSTER...] [--bogus S]").empty());
  std::set<std::string> seen;
  std::vector<std::filesystem::path> all = pages::all();
  all.push_back(DRILL_SOURCE_DIR "/ARCHITECTURE.md");
  for (const std::filesystem::path& page : all)
    for (const std::string& span : pages::spans_of(core::read_file(page))) {
      if (!span.starts_with("drill ") || !seen.insert(span).second) continue;
      INFO(page.string() << ": " << span);
      CHECK(refusal(span).empty());
    }
  CHECK(seen.size() > 30);
}
