// How drill behaves towards what reads it: a terminal of any width, a pipe that is closed early, a disk that is full.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/shop.hpp"

using bench::Shop;
using Catch::Contains;

namespace {

// `script` in a shell, with drill as $drill.
core::CommandResult shell(const Shop& shop, const std::string& script) {
  const std::string drill = bench::drill_program() + " --config " + shop.config.string();
  return core::run_command(
      {{"bash", "-c", "set -o pipefail\ndrill='" + drill + "'\n" + script}, std::chrono::minutes(1)});
}

// In columns, without colours.
std::size_t width_of(const std::string& line) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\033')
      at = std::min(line.find('m', at), line.size());
    else if (line[at] != '\r' && (static_cast<unsigned char>(line[at]) & 0xC0U) != 0x80U)
      ++columns;
  }
  return columns;
}

// On a terminal of that many columns, without progress.
std::string seen(const Shop& shop, std::size_t columns, const std::string& command) {
  const std::string typed = "stty cols " + std::to_string(columns) + "; $drill -q " + command;
  return shell(shop, "script -qec \"" + typed + "\" /dev/null </dev/null").out;
}

}  // namespace

TEST_CASE_METHOD(Shop, "a reader that has seen enough ends drill without a word, and the exit code is the result's") {
  REQUIRE(import().exit_code == 0);
  for (const char* command : {"list", "--json list", "help",
                              "diff "
                              "latest latest",
                              "show latest"}) {
    const core::CommandResult result = shell(*this, std::string("$drill -q ") + command + " | true");
    INFO(command << result.err);
    CHECK(result.exit_code == 0);
    CHECK(result.err.empty());
  }
  bench::spoil_page(file(3));
  CHECK(shell(*this, "$drill -q verify --file " + file(3).string() + " | true").exit_code == 1);
}

TEST_CASE_METHOD(Shop, "a disk that is full is no reader that has seen enough") {
  REQUIRE(import().exit_code == 0);
  const core::CommandResult result = shell(*this, "$drill list >/dev/full");
  CHECK(result.exit_code == 3);
  CHECK(result.err == "drill: error: writing standard output: No space left on device\n");
}

TEST_CASE_METHOD(Shop, "lines break between words on a terminal of any width, and a command to be copied does not") {
  REQUIRE(import().exit_code == 0);
  for (const std::size_t columns : {40U, 60U, 80U, 200U}) {
    for (const char* command :
         {"list", "show latest",
          "diff "
          "latest edge/20260921T141700Z",
          "log secrets/shop/db", "verify latest", "series edge", "prune --dry-run", "report history", "help"}) {
      std::istringstream lines(seen(*this, columns, command));
      for (std::string line; std::getline(lines, line);) {
        if (line.find("drill: ") != std::string::npos || line.find("explore edge/") != std::string::npos) continue;
        INFO(columns << " columns, " << command << ": " << line);
        const std::size_t words = line.find_first_not_of(' ');
        CHECK((width_of(line) <= columns || line.find(' ', words) == std::string::npos));
      }
    }
    CHECK_THAT(seen(*this, columns, "log secrets/shop/db"),
               Contains("\n  drill --config " + config.string() + " explore edge/" + name(1) + " --export shop-" +
                        name(1) + " --namespace shop --kind secrets\r\n"));
  }
}

TEST_CASE_METHOD(Shop, "a terminal without colours, or a person who wants none, gets none") {
  REQUIRE(import().exit_code == 0);
  const auto coloured = [&](const std::string& setting) {
    const core::CommandResult result = shell(*this, "unset NO_COLOR; export TERM=xterm " + setting +
                                                        "; script -qec \"$drill verify latest\" /dev/null </dev/null");
    return result.out.find("\033[3") != std::string::npos;
  };
  CHECK(coloured(""));
  CHECK(coloured("NO_COLOR="));
  CHECK_FALSE(coloured("NO_COLOR=1"));
  CHECK_FALSE(coloured("TERM=dumb"));
}

TEST_CASE_METHOD(Shop, "what a stranger wrote into the store is shown on a terminal as escapes, and forges no line") {
  REQUIRE(import().exit_code == 0);
  const std::filesystem::path snapshot = store / "edge" / name(3);
  nlohmann::json manifest = nlohmann::json::parse(core::read_file(snapshot / "manifest.json", 1'000'000));
  manifest["node"]["k3s_version"] =
      "v1\x1b]0;owned\x07\xc2\x9b"
      "31m\xe2\x80\xae\nedge/forged\x7f";
  const auto write = [](const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::trunc) << text;
  };
  write(snapshot / "manifest.json", manifest.dump());
  write(snapshot / "verify.json", R"({"schema": "k3s-drill/verify/1", "verdict": "pass\u001b[2J\nforged"})");
  write(store / "edge" / name(2) / "manifest.json", "{\"schema\": \"\x1b]0;owned\x07\x9b\xff");
  for (const char* command :
       {"list", "show latest", "verify latest", "verify --all", "series edge", "--json list",
        "diff latest edge/20260921T141700Z", "log secrets/shop/db", "prune --dry-run", "-v list"}) {
    const std::string text = seen(*this, 80, command);
    INFO(command << ": " << text);
    for (const char* bad : {"\x1b]", "\x1b[2J", "\x07", "\xc2\x9b", "\xe2\x80\xae", "\nedge/forged", "\nforged", "\x7f",
                            "\xff", "json.exception.type_error"})
      CHECK(text.find(bad) == std::string::npos);
  }
  CHECK_THAT(seen(*this, 200, "list"), Contains("v1\\x1b]0;owned\\x07\\u009b31m\\u202e\\nedge/forged\\x7f"));
}

TEST_CASE_METHOD(Shop, "words for the wrong place are answered with what to type") {
  REQUIRE(import().exit_code == 0);
  const auto answer = [&](const std::vector<std::string>& words) { return drill(words).err; };
  CHECK_THAT(drill({"list", "edge/latest"}).out, Contains(name(3)) && !Contains(name(2)));
  CHECK_THAT(drill({"verify", "edge", "--json"}).out, Contains("edge/" + name(3)));
  CHECK_THAT(answer({"list", "edgee"}), Contains("did you mean edge?"));
  CHECK_THAT(answer({"prune", "edge/latest"}), Contains("drill prune edge\n"));
  CHECK_THAT(answer({"pull", "edge/latest"}), Contains("drill pull edge\n"));
  CHECK_THAT(answer({"series", "edge/latest"}), Contains("drill series edge\n"));
  CHECK_THAT(answer({"verify", "--all", "edge/latest"}), Contains("drill verify --all edge\n"));
  CHECK_THAT(answer({"log", "pods/a/b", "--cluster", "edge/latest"}), Contains("--cluster edge\n"));
  CHECK_THAT(
      answer({"restore", "edge", "--to", "edge", "--yes"}),
      Contains("edge is a cluster, and a restore takes one snapshot of it: drill restore edge/latest --to edge takes "
               "the newest, edge/" +
               name(3)));
  CHECK_THAT(answer({"import", "--cluster", "edge/x", files.string()}),
             Contains("letters, digits, '-', '_' and '.' only"));
  CHECK_THAT(answer({"log", "secrets/db"}), Contains("if it is in a namespace: secrets/NAMESPACE/db"));
  CHECK_THAT(answer({"restore", "edge/latest", "--to", "egde", "--dry-run"}),
             Contains("taken for a host; did you mean edge?"));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"extract", "edge", "--out", "/nowhere/state.db"},
        {"run", "edge", "--report", "/nowhere/report.json"}}) {
    const core::CommandResult result = drill(words);
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Contains("there is no directory /nowhere: make it, or name another"));
  }
  CHECK_THAT(answer({"import", "--cluster", "egde", files.string()}),
             Contains("no cluster 'egde': did you mean edge? importing"));
  const core::CommandResult nothing = bench::drill({});
  CHECK(nothing.exit_code == 2);
  CHECK(nothing.out.empty());
  CHECK_THAT(nothing.err, Contains("Usage: drill [OPTIONS] COMMAND") && Contains("\n  pull"));
  CHECK(bench::drill({"help", "run"}).exit_code == 0);
  CHECK(bench::drill({"help", "run"}).out == bench::drill({"run", "--help"}).out);
}
