// Types every command of README.md and docs/*.md, in the order of the pages, as a reader would.
#include <chrono>
#include <cstdio>
#include <set>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"
#include "tests/pages/pages.hpp"
#include "tests/pages/reader.hpp"

namespace {

// The first block of this language in the README.
std::string first_of_readme(const std::vector<pages::Block>& blocks, const std::string& language) {
  for (const pages::Block& block : blocks)
    if (block.place.starts_with("README.md:") && block.language == language) return block.text;
  throw std::runtime_error("README.md has no block of " + language);
}

std::string last_of_readme(const std::vector<pages::Block>& blocks, const std::string& language) {
  std::string text;
  for (const pages::Block& block : blocks)
    if (block.place.starts_with("README.md:") && block.language == language) text = block.text;
  return text;
}

// The commands that the prose names without a placeholder. Those of `drill run`, `drill explore` and `drill scenario
// run` are left out: blocks have such, and each takes as long as a restore, or as all cases.
std::set<std::string> complete_mentions() {
  std::set<std::string> found;
  for (const std::filesystem::path& page : pages::all())
    for (const std::string& span : pages::spans_of(core::read_file(page)))
      if (span.starts_with("drill ") && !span.starts_with("drill run") && !span.starts_with("drill explore") &&
          !span.starts_with("drill scenario run") &&
          span.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ[") == std::string::npos)
        found.insert(span);
  return found;
}

bool is_name_only(const std::string& command) { return command.find(' ', command.find(' ') + 1) == std::string::npos; }

void type(pages::Reader& reader, const pages::Block& block, const pages::Command& command) {
  const auto began = std::chrono::steady_clock::now();
  const core::CommandResult result = reader.type(command.text, command.user);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%6.2f s  %s  %s\n", took.count(), block.place.c_str(), command.text.c_str());
  INFO(block.place << ": " << command.text << "\n" << result.out << result.err);
  CHECK(result.exit_code == command.exit_code);
  if (block.language == "crontab") CHECK(result.out + result.err == "");  // or cron sends a mail each time
}

}  // namespace

#define NEEDS_KUBECTL()                                                   \
  if (!std::filesystem::exists(pages::client_program())) {                \
    WARN("test skipped: " << pages::client_program() << " is not built"); \
    return;                                                               \
  }

TEST_CASE("every command in README.md and docs does what the page says, as it is typed there") {
  NEEDS_LAB();
  NEEDS_KUBECTL();
  const std::vector<pages::Block> blocks = pages::all_blocks();
  pages::Reader reader(first_of_readme(blocks, "yaml"), first_of_readme(blocks, "sudoers"));
  std::size_t run = 0;
  std::size_t marked = 0;
  for (const pages::Block& block : blocks) {
    if (block.commands.empty()) continue;
    reader.sit_down(block);
    for (const pages::Command& command : block.commands) {
      ++(command.not_run.empty() ? run : marked);
      if (command.not_run.empty()) type(reader, block, command);
    }
  }
  CHECK_THAT(reader.type("drill doctor", "").out, Catch::Contains(last_of_readme(blocks, "sudoers")));
  const std::set<std::string> mentions = complete_mentions();
  CHECK(mentions.size() >= 10);
  for (const std::string& command : mentions) {
    const core::CommandResult result = reader.type(command, "");
    INFO(command << "\n" << result.out << result.err);
    CHECK((result.exit_code == 0 || (result.exit_code == 2 && is_name_only(command))));
  }
  std::printf("%zu commands run, %zu marked as not run, %zu of the prose\n", run, marked, mentions.size());
  CHECK(run >= 20);
  CHECK(reader.unanswered().empty());
}
