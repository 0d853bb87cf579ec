// What a command line says, with and without "--". What the commands do with it is tested with them.
#include "cli/command_line.hpp"

#include "tests/catch.hpp"

namespace {

using Words = std::vector<std::string>;

// The arguments of its command and the program behind "--"; or what was wrong.
struct Parsed {
  Words arguments;
  Words program;
  std::string error;
  cli::Globals globals;
};

Parsed parse(const Words& words) {
  cli::CommandLine line;
  Parsed parsed;
  try {
    line.parse(words);
    const CLI::App* command = line.app().get_subcommands().front();
    while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
    for (const CLI::Option* option : command->get_options([](const CLI::Option* o) { return o->get_positional(); }))
      parsed.arguments = option->results();
  } catch (const CLI::ParseError& error) {
    parsed.error = error.what();
  }
  parsed.globals = line.globals();
  parsed.program = line.globals().program;
  return parsed;
}

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace

TEST_CASE("what stands behind -- is the program of an exploration, word by word") {
  const Words before = GENERATE(Words{"explore", "edge/latest"}, Words{"explore", "--engine", "standin", "edge/latest"},
                                Words{"explore", "edge/latest", "--engine=standin"},
                                Words{"--config", "list", "explore", "-v", "edge/latest"},
                                Words{"--config=c", "-v", "explore", "edge/latest", "--controllers"});
  const Words program = GENERATE(
      Words{"kubectl", "get", "ns"}, Words{"kubectl", "get", "deploy", "-n", "shop", "-o", "yaml"},
      Words{"kubectl", "get", "pods", "-v", "6", "--json", "--config", "mine"},
      Words{"sh", "-c", "echo $0 \"$@\"", "a b"}, Words{"-odd", "--help"}, Words{"pull"}, Words{"list", "edge"},
      Words{"--"}, Words{"env", "--", "true"}, Words{""}, Words{"++"}, Words{"/?"}, Words{});
  CAPTURE(before, program);
  const Parsed parsed = parse(before + Words{"--"} + program);
  CHECK(parsed.error.empty());
  CHECK(parsed.arguments == Words{"edge/latest"});
  CHECK(parsed.program == program);
  CHECK(parsed.globals.format == cli::Format::text);
}

TEST_CASE("an exploration of plain files has a program behind --, too") {
  const Parsed parsed =
      parse({"explore", "--file", "state.db", "--token-file", "token", "--", "kubectl", "get", "nodes"});
  CHECK(parsed.error.empty());
  CHECK(parsed.arguments.empty());
  CHECK(parsed.program == Words{"kubectl", "get", "nodes"});
}

TEST_CASE("a program without -- in front of it is not taken for anything else") {
  CHECK_FALSE(parse({"explore", "edge/latest", "kubectl", "get", "ns"}).error.empty());
  CHECK_FALSE(parse({"explore", "edge/latest", "kubectl", "-n", "shop"}).error.empty());
}

TEST_CASE("what was not expected is named in the order it was typed in, and a program with where it belongs") {
  const auto [words, error] = GENERATE(table<Words, std::string>({
      {{"explore", "edge/latest", "kubectl", "get", "ns"},
       "expected: kubectl get ns; put -- before kubectl if it is the command to run"},
      {{"explore", "edge/latest", "kubectl", "-n", "shop"},
       "expected: kubectl -n shop; put -- before kubectl if it is the command to run"},
      {{"explore", "edge/latest", "k9s"}, "expected: k9s; put -- before k9s if it is the command to run"},
      {{"explore", "edge/latest", "--one", "--two"}, "expected: --one --two"},
      {{"show", "edge/latest", "b", "c", "d"}, "expected: b c d"},
      {{"show", "edge/latest", "b", "--bogus", "d"}, "expected: b --bogus d"},
      {{"report", "history", "edge", "--one", "--two"}, "expected: --one --two"},
  }));
  CAPTURE(words);
  CHECK_THAT(parse(words).error, Catch::EndsWith(error));
}

TEST_CASE("behind the -- of any other command all words are arguments") {
  const auto [words, arguments] = GENERATE(table<Words, Words>({
      {{"pull", "--"}, {}},
      {{"pull", "--", "edge"}, {"edge"}},
      {{"pull", "lab", "--", "edge"}, {"lab", "edge"}},
      {{"-v", "run", "lab", "--deep", "--", "edge", "-v"}, {"lab", "edge", "-v"}},
      {{"pull", "--", "list", "--json", "--", "++"}, {"list", "--json", "--", "++"}},
      {{"list", "--", "edge"}, {"edge"}},
      {{"show", "--", "explore"}, {"explore"}},
      {{"--config", "explore", "show", "--", "edge/latest"}, {"edge/latest"}},
      {{"diff", "--", "a", "b"}, {"a", "b"}},
      {{"diff", "a", "-v", "--", "b"}, {"a", "b"}},
      {{"diff", "--file", "f", "--", "b"}, {"b"}},
      {{"verify", "--all", "--jobs", "2", "--", "edge"}, {"edge"}},
      {{"extract", "--out", "f", "--", "edge/latest"}, {"edge/latest"}},
      {{"import", "--cluster", "edge", "a", "--", "-b", "--cluster"}, {"a", "-b", "--cluster"}},
      {{"report", "history", "--", "--edge"}, {"--edge"}},
  }));
  CAPTURE(words);
  const Parsed parsed = parse(words);
  CHECK(parsed.error.empty());
  CHECK(parsed.arguments == arguments);
  CHECK(parsed.program.empty());
  CHECK(parsed.globals.format == cli::Format::text);
}

TEST_CASE("options are taken before and behind the command, and asked for JSON also when the rest is wrong") {
  for (const Words& words : {Words{"--json", "list"}, Words{"list", "--json"}, Words{"list", "edge", "--json", "--"},
                             Words{"list", "--bogus", "--json"}, Words{"--json", "nothing"}})
    CHECK(parse(words).globals.format == cli::Format::json);
  for (const Words& words : {Words{}, Words{"--"}, Words{"--", "pull"}, Words{"nothing", "--", "pull"},
                             Words{"doctor", "--", "edge"}, Words{"show", "--"}, Words{"show", "a", "--", "b"}})
    CHECK_FALSE(parse(words).error.empty());
}
