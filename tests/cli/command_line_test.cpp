// What a command line says, with and without "--". What the commands do with it is tested with them.
#include "cli/command_line.hpp"

#include <iterator>
#include <sstream>

#include "cli/commands.hpp"
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
    if (line.app().get_subcommands().empty()) return parsed;  // help
    const CLI::App* command = line.app().get_subcommands().front();
    while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
    for (const CLI::Option* option : command->get_options([](const CLI::Option* o) { return o->get_positional(); }))
      parsed.arguments = option->results();
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::usage);
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

TEST_CASE("the first word that was not expected is named, and a program with where it belongs") {
  const auto [words, error] = GENERATE(table<Words, std::string>({
      {{"explore", "edge/latest", "kubectl", "get", "ns"},
       "expected: kubectl get ns; put -- before kubectl if it is the command to run"},
      {{"explore", "edge/latest", "kubectl", "-n", "shop"},
       "expected: kubectl -n shop; put -- before kubectl if it is the command to run"},
      {{"explore", "edge/latest", "k9s"}, "expected: k9s; put -- before k9s if it is the command to run"},
      {{"explore", "edge/latest", "--one", "--two"}, "drill help explore lists what there is"},
      {{"show", "edge/latest", "b", "c", "d"}, "not expected: b; it is typed as in: drill show edge/latest"},
      {{"show", "--", "edge/latest", "b"}, "not expected: b; it is typed as in: drill show edge/latest"},
      {{"report", "history", "edge", "--one", "--two"},
       "drill report history has no option --one: drill help report lists what there is"},
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

TEST_CASE("what is wrong in a command line is said in words of drill, with what may have been meant") {
  const auto [words, error] = GENERATE(table<Words, std::string>({
      {{"pul", "edge"}, "drill has no command 'pul': did you mean pull?"},
      {{"hepl"}, "drill has no command 'hepl': did you mean help?"},
      {{"help", "reprot"}, "drill has no command 'reprot': did you mean report?"},
      {{"frobnicate"}, "drill has no command 'frobnicate': drill help lists what there is"},
      {{"report"}, "drill report needs one word more, as in: drill report history edge"},
      {{"report", "hist"}, "drill report has no command 'hist': did you mean history?"},
      {{"--", "pull"}, "name the command before the --: drill help lists what there is"},
      {{"-v"}, "no command is named: drill help lists what there is"},
      {{"--jsn", "list"}, "drill has no option --jsn: did you mean --json?"},
      {{"list", "--jsno"}, "drill list has no option --jsno: did you mean --json?"},
      {{"run", "--snapshto", "x"}, "drill run has no option --snapshto: did you mean --snapshot?"},
      {{"run", "-x"}, "drill run has no option -x: drill help run lists what there is"},
      {{"run", "-5"}, "drill run has no option -5: drill help run lists what there is"},
      {{"list", "-qx"}, "drill list has no option -x: drill help list lists what there is"},
      {{"run", "--snapshot"}, "--snapshot needs a value: drill help run says which"},
      {{"run", "--snapshot", "--deep"}, "--snapshot needs a value, and --deep is an option: drill help run says which"},
      {{"verify", "-j"}, "-j needs a value: drill help verify says which"},
      {{"--config"}, "--config needs a value: drill help says which"},
      {{"run", "--engine", "k8s"}, "--engine: 'k8s' is none of auto, k3s, container, standin: did you mean k3s?"},
      {{"run", "--control=fire"},
       "--control: 'fire' is none of nightly, none, flipped-bytes, wrong-token, truncated, "
       "another-cluster, stale-wal"},
      {{"verify", "--all", "-j", "65"}, "--jobs: '65' must be a whole number from 1 to 64"},
      {{"verify", "--all", "-jx"}, "--jobs: 'x' must be a whole number from 1 to 64"},
      {{"run", "--deep=maybe"}, "--deep=maybe: the option takes no value, or not this one: drill help run says which"},
      {{"-q", "list", "-v"}, "give either --quiet or --verbose, not both"},
      {{"show"}, "SNAPSHOT is missing, as in: drill show edge/latest"},
      {{"log"}, "OBJECT is missing, as in: drill log secrets/shop/db"},
      {{"extract", "edge/latest"}, "--out is missing, as in: drill extract edge/latest --out state.db"},
      {{"restore", "edge/latest"}, "--to is missing, as in: drill restore edge/latest --to edge"},
      {{"import", "x"}, "--cluster is missing, as in: drill import --cluster edge state.db.20261123T231700Z"},
  }));
  CAPTURE(words);
  CHECK(parse(words).error == error);
}

TEST_CASE("a value of an option may look like anything but an option") {
  CHECK(parse({"run", "--report", "-", "edge"}).error.empty());
  CHECK(parse({"run", "--report=--deep", "edge"}).error.empty());
  CHECK(parse({"--config", "help", "list"}).error.empty());
  CHECK(parse({"diff", "-nshop", "a", "b"}).arguments == Words{"a", "b"});
  CHECK(parse({"restore", "a", "--to", "b", "--force=edge", "--no-bump-revision"}).error.empty());
}

TEST_CASE("every command has its help, by help COMMAND and by --help, in lines that fit the page") {
  for (const cli::CommandEntry& entry : cli::kCommands) {
    CAPTURE(entry.name);
    for (const Words& words : {Words{"help", entry.name}, Words{entry.name, "--help"}, Words{"-h", entry.name},
                               Words{"help", entry.name, "--json"}})
      CHECK(parse(words).error.empty());
    cli::CommandLine line;
    line.parse({"help", entry.name});
    for (const std::size_t columns : {40U, 60U, 80U, 200U}) {
      const std::string text = cli::help_text(*line.app().get_subcommand(entry.name), {reports::Colour::no, columns});
      CHECK_THAT(text, Catch::Contains(std::string("Usage: drill ") + entry.name) && Catch::Contains("--config FILE"));
      std::istringstream lines(text);
      for (std::string one; std::getline(lines, one);) {
        INFO(one);
        CHECK((one.size() <= columns || one.find(' ', one.find_first_not_of(' ')) == std::string::npos ||
               one.starts_with("Usage: ")));
      }
    }
    CHECK_THAT(std::string(entry.example), Catch::StartsWith(std::string("drill ") + entry.name));
    cli::CommandLine example;
    std::istringstream words(entry.example);
    const Words typed(std::istream_iterator<std::string>(words), std::istream_iterator<std::string>{});
    CHECK_NOTHROW(example.parse({typed.begin() + 1, typed.end()}));
  }
}
