// The rules of docs/messages.md that a machine can check: where a message says what to type, that page says so, too,
// and names the test that types it.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/catch.hpp"

namespace {

const std::filesystem::path kRoot = DRILL_SOURCE_DIR;

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::filesystem::path> files_below(const std::vector<std::string>& directories) {
  std::vector<std::filesystem::path> found;
  for (const std::string& directory : directories)
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / directory))
      if (entry.path().extension() == ".cpp" || entry.path().extension() == ".hpp") found.push_back(entry.path());
  return found;
}

// The string literals of C++ text as the compiler joins them: raw ones, which are scripts, and comments left out. By
// hand, as std::regex calls itself once for each byte of a long literal.
std::vector<std::string> literals_of(const std::string& text) {
  std::vector<std::string> found;
  bool joins = false;
  const auto is = [&](std::size_t at, char c) { return at < text.size() && text[at] == c; };
  for (std::size_t at = 0; at < text.size();) {
    if (std::isspace(static_cast<unsigned char>(text[at])) != 0) {
      ++at;
    } else if (is(at, '/') && is(at + 1, '/')) {
      at = std::min(text.find('\n', at), text.size());
    } else if (is(at, '"')) {
      if (!joins) found.emplace_back();
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        const bool escaped = text[at] == '\\';
        if (escaped) ++at;
        found.back() += escaped && is(at, 'n') ? '\n' : text[at];
      }
      ++at;
      joins = true;
    } else {
      joins = false;
      if (is(at, 'R') && is(at + 1, '"')) {
        const std::size_t open = std::min(text.find('(', at), text.size());
        const std::string end = ")" + text.substr(at + 2, open - at - 2) + "\"";
        at = std::min(text.find(end, open), text.size() - end.size()) + end.size();
      } else if (is(at, '\'') && is(at + 1, '\\') && is(at + 3, '\'')) {
        at += 4;
      } else if (is(at, '\'') && is(at + 2, '\'')) {
        at += 3;
      } else {
        ++at;
      }
    }
  }
  return found;
}

const std::vector<std::string> kMarks{"type: ", "type on the node: "};

// Everything that messages say to type, as it stands in the source.
std::set<std::string> typed_commands() {
  std::set<std::string> found;
  for (const std::filesystem::path& path :
       files_below({"core", "k3s", "ssh", "store", "puller", "restorer", "verifier", "drill", "reports", "cli"}))
    for (const std::string& literal : literals_of(read(path)))
      for (const std::string& mark : kMarks)
        if (const std::size_t at = literal.find(mark);
            at != std::string::npos && (at == 0 || literal.substr(at - 2, 2) == "; "))
          found.insert(literal.substr(at + mark.size()));
  return found;
}

// By command: the test that types it, of rows "| `COMMAND` | when | test |".
std::map<std::string, std::string> rows_of_page() {
  std::map<std::string, std::string> rows;
  std::ifstream page(kRoot / "docs/messages.md");
  static const std::regex row(R"(\| ``? ?(.+?) ?``? \| [^|]+ \| ([^|]+) \|)");
  for (std::string line; std::getline(page, line);) {
    line = std::regex_replace(line, std::regex(R"(\\\|)"), "\x01");
    std::smatch found;
    if (!std::regex_match(line, found, row)) continue;
    std::string command = found[1];
    std::replace(command.begin(), command.end(), '\x01', '|');
    rows[command] = found[2];
  }
  return rows;
}

bool is_test(const std::string& name) {
  for (const std::filesystem::path& path : files_below({"tests"})) {
    const std::vector<std::string> literals = literals_of(read(path));
    if (std::find(literals.begin(), literals.end(), name) != literals.end()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("literals are read as the compiler joins them") {
  CHECK(literals_of("f(\"a \\\"b\\\" \"\n  \"c\", '\"', \"d\\n\") // \"e\"\n R\"sh(\"f\")sh\"") ==
        std::vector<std::string>{"a \"b\" c", "d\n"});
}

TEST_CASE("every command that a message says to type is in docs/messages.md, with a test that types it") {
  const std::set<std::string> commands = typed_commands();
  const std::map<std::string, std::string> rows = rows_of_page();
  for (const std::string& command : commands) {
    INFO("`" << command << "`");
    CHECK(rows.count(command) == 1);
  }
  for (const auto& [command, test] : rows) {
    INFO("`" << command << "`, " << test);
    CHECK(commands.count(command) == 1);
    CHECK(is_test(test));
  }
  CHECK(commands.size() >= 8);
}

TEST_CASE("a message is one line, and ends with what is to be done, not with a full stop") {
  static const std::regex error(
      R"((?:Error\((?:core::)?ErrorKind::\w+,|log_\w*warning\()\s*(?:fmt::format\()?\s*("[^;]*);)");
  for (const std::filesystem::path& path :
       files_below({"core", "k3s", "ssh", "store", "puller", "restorer", "drill", "history", "cli"})) {
    const std::string text = read(path);
    for (std::sregex_iterator at(text.begin(), text.end(), error), end; at != end; ++at) {
      const std::vector<std::string> literals = literals_of((*at)[1].str());
      if (literals.empty()) continue;
      INFO(path << ": " << literals.front());
      CHECK(literals.front().find('\n') == std::string::npos);
      CHECK_FALSE(literals.front().ends_with('.'));
    }
  }
}
