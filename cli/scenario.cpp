#include "reports/scenario.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "core/atomic_file.hpp"
#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/edit_distance.hpp"
#include "core/logging.hpp"
#include "core/mutation.hpp"
#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "scenarios/game_day.hpp"
#include "scenarios/runner.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

struct Options {
  std::string show;
  std::vector<std::string> names;
  std::vector<std::string> tags;
  std::string engine = "standin";
  std::string image;
  std::filesystem::path k3s;
  std::filesystem::path junit;
  std::filesystem::path out = "scenario-failures";
  bool keep = false;
  std::size_t repeat = 1;
  std::size_t jobs = 0;
  std::string snapshot;
  bool fail_fast = false;
  std::string nodes = "namespaces";
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::vector<scenarios::Case> all_cases() { return scenarios::load_cases(scenarios::scenarios_directory() / "cases"); }

// In the order of the names; all when neither names nor tags are given.
std::vector<scenarios::Case> chosen(const Options& options) {
  std::vector<scenarios::Case> cases;
  std::vector<std::string> known;
  for (scenarios::Case& one : all_cases()) {
    known.push_back(one.name);
    const auto named = std::find(options.names.begin(), options.names.end(), one.name) != options.names.end();
    const auto tagged =
        std::any_of(options.tags.begin(), options.tags.end(), [&](const auto& tag) { return one.has_tag(tag); });
    if (named || tagged || (options.names.empty() && options.tags.empty())) cases.push_back(std::move(one));
  }
  for (const std::string& name : options.names)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw core::Error(
          core::ErrorKind::usage,
          fmt::format("there is no case {}; {}", name, core::did_you_mean(name, known, "see: drill scenario list")));
  if (cases.empty())
    throw core::Error(core::ErrorKind::usage,
                      fmt::format("no case has tag {}; see: drill scenario list", fmt::join(options.tags, ", ")));
  return cases;
}

std::filesystem::path first_there(const std::vector<std::filesystem::path>& places) {
  for (const std::filesystem::path& place : places)
    if (!place.empty() && std::filesystem::exists(place)) return place;
  return places.front();
}

scenarios::Tools tools_for(const Options& options) {
  if (options.engine != "standin" && options.snapshot.empty() && options.k3s.empty())
    throw core::Error(core::ErrorKind::usage,
                      fmt::format("--engine {} needs --k3s FILE: the k3s program that the nodes run", options.engine));
  if (options.engine == "container" && options.image.empty())
    throw core::Error(core::ErrorKind::usage,
                      "--engine container needs --image IMAGE, such as rancher/k3s:v1.36.2-k3s1");
  scenarios::Tools tools;
  tools.drill = std::filesystem::read_symlink("/proc/self/exe");
  tools.scenarios = scenarios::scenarios_directory();
  tools.engine = options.engine;
  tools.image = options.image;
  const std::filesystem::path built = tools.scenarios.parent_path() / "build";
  tools.k3s =
      options.k3s.empty()
          ? first_there({environment("DRILL_STANDIN"), built / "k3s-standin", core::find_program("k3s-standin")})
          : std::filesystem::absolute(options.k3s);
  tools.kubectl = first_there({environment("DRILL_CLIENT"), built / "k3s-client", core::find_program("kubectl")});
  tools.node_program = tools.scenarios / (options.nodes == "containers" ? "container/node" : "lab/lab");
  return tools;
}

// The engines of the user's config, as it names them.
std::string engine_lines(const drill::EngineSettings& settings) {
  std::string text = "engines:\n  k3s:\n";
  if (!settings.k3s_path.empty()) text += fmt::format("    path: {}\n", settings.k3s_path.string());
  text += fmt::format("    download: {}\n    release_url: {}\n", settings.download == drill::Download::yes,
                      settings.release_url);
  if (!settings.cache.empty()) text += fmt::format("    cache: {}\n", settings.cache.string());
  text += fmt::format("  container:\n    image: '{}'\n", settings.image);
  if (!settings.standin_path.empty()) text += fmt::format("  standin:\n    path: {}\n", settings.standin_path.string());
  return text;
}

// What cases mount is theirs alone, and goes with this program.
void leave_mounts_of_host() {
  if (::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0) ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr);
}

int exit_code_of(const std::vector<scenarios::CaseResult>& results) {
  const auto any = [&](scenarios::Verdict verdict) {
    return std::any_of(results.begin(), results.end(), [&](const auto& result) { return result.verdict == verdict; });
  };
  if (any(scenarios::Verdict::fail)) return 1;
  return any(scenarios::Verdict::pass) ? 0 : 3;
}

int run(const Globals& globals, const Options& options) {
  std::vector<scenarios::Case> cases = chosen(options);
  scenarios::RunOptions run;
  run.tools = tools_for(options);
  const core::ScratchDir copies;
  std::string snapshot_name;
  if (!options.snapshot.empty()) {
    const Config config = load_config(globals.config_path);
    const store::Store store(config.store);
    const store::Snapshot snapshot = Names(config, store).snapshot(options.snapshot);
    snapshot_name = snapshot.full_name();
    const std::filesystem::path directory = copies.path() / "series";
    const std::size_t count = scenarios::copy_newest(store, snapshot, directory);
    run.tools.game_day = {snapshot.manifest.cluster, directory, count, engine_lines(config.drill.engine)};
    if (options.names.empty() && options.tags.empty())
      std::erase_if(cases, [](const scenarios::Case& one) { return !one.has_tag("game-day"); });
  }
  run.keep = options.keep;
  run.fail_fast = options.fail_fast;
  run.out = options.out;
  run.side_by_side = options.jobs > 0 ? options.jobs : scenarios::rooms_side_by_side();
  leave_mounts_of_host();
  std::vector<scenarios::Case> repeated;
  for (std::size_t i = 0; i < options.repeat; ++i) repeated.insert(repeated.end(), cases.begin(), cases.end());
  const core::Stopwatch watch;
  std::size_t ended = 0;
  std::vector<std::string> running;
  const auto show = [&] {
    core::show_progress(fmt::format("{} of {} done; now {}", ended, repeated.size(), fmt::join(running, ", ")));
  };
  const std::vector<scenarios::CaseResult> results = scenarios::run_cases(
      repeated, run,
      [&](const scenarios::Case& one) {
        running.push_back(one.name);
        show();
      },
      [&](const scenarios::CaseResult& result) {
        ++ended;
        running.erase(std::find(running.begin(), running.end(), result.scenario->name));
        core::clear_progress();
        if (globals.format == Format::text && (!globals.quiet || result.verdict == scenarios::Verdict::fail))
          print(reports::scenario_line(result, page(globals)));
        if (!running.empty()) show();
      });
  core::clear_progress();
  if (!options.junit.empty())
    core::write_file_atomically(options.junit, reports::scenario_junit(results, watch.elapsed()));
  if (run.tools.game_day && globals.format == Format::text)
    print("\n" + reports::game_day_text(snapshot_name, results, page(globals)));
  print(globals.format == Format::json ? reports::scenario_json(results, watch.elapsed())
                                       : reports::scenario_summary(results, watch.elapsed(), page(globals)));
  return exit_code_of(results);
}

std::string mutants_text() {
  std::string text;
  for (const core::Mutant& mutant : core::kMutants)
    text += fmt::format("{} ({}): {}\n", mutant.name, mutant.tag, mutant.about);
  return text;
}

int list(const Globals& globals, const Options& options) {
  const std::vector<scenarios::Case> cases = chosen(options);
  print(globals.format == Format::json ? reports::scenario_list_json(cases)
                                       : reports::scenario_list_text(cases, page(globals)));
  return 0;
}

int show(const Globals& globals, const Options& options) {
  Options one;
  one.names = {options.show};
  const scenarios::Case found = chosen(one).front();
  print(globals.format == Format::json ? reports::scenario_list_json({found})
                                       : reports::scenario_show_text(found, page(globals)));
  return 0;
}

}  // namespace

Action declare_scenario(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto* listed = app.add_subcommand("list", "The cases: what happens in each, and its tags");
  listed->add_option("--tag", options->tags, "Only those with this tag")->type_name("TAG");
  auto* shown = app.add_subcommand("show", "One case: its story, and what to do about it");
  shown->add_option("NAME", options->show, "Which")->required();
  auto* played = app.add_subcommand("run", "Run cases, each in a room of its own");
  played->add_option("NAME", options->names, "Which; all when neither names nor tags are given");
  played->add_option("--tag", options->tags, "Those with this tag")->type_name("TAG");
  played->add_option("--snapshot", options->snapshot, "A game day: replay what needs no node on copies of this one")
      ->type_name("SNAPSHOT");
  played->add_option("--engine", options->engine, "What nodes and drills run: standin, container or k3s")
      ->type_name("ENGINE")
      ->check(one_of({"standin", "container", "k3s"}));
  played->add_option("--nodes", options->nodes, "What nodes are made of: namespaces, or containers, which have systemd")
      ->type_name("KIND")
      ->check(one_of({"namespaces", "containers"}));
  played->add_option("--image", options->image, "Of engine container")->type_name("IMAGE");
  played->add_option("--k3s", options->k3s, "The program that nodes and drills run")->type_name("FILE");
  played->add_option("--junit", options->junit, "Write the results there as JUnit XML")->type_name("FILE");
  played->add_option("--out", options->out, "Where the logs of what failed go")->type_name("DIR");
  played->add_flag("--keep", options->keep, "Keep the logs of every case, and its store");
  played->add_option("--repeat", options->repeat, "Run all of it so often")
      ->type_name("N")
      ->check(whole_number(1, 1000));
  played->add_flag("--fail-fast", options->fail_fast, "Begin no other case once one has failed");
  played->add_option("-j,--jobs", options->jobs, "Cases side by side")->type_name("N")->check(whole_number(1, 64));
  auto* described = app.add_subcommand("schema", "The JSON schema of a case file, for editors");
  auto* words = app.add_subcommand("words", "The faults and expectations that a case may use");
  auto* mutants = core::kMutantsBuilt ? app.add_subcommand("mutants", "What this build can do wrongly") : nullptr;
  app.require_subcommand(1);
  return [options, listed, shown, described, words, mutants](const Globals& globals) {
    if (mutants != nullptr && mutants->parsed()) return print(mutants_text()), 0;
    if (described->parsed()) return print(scenarios::case_schema()), 0;
    if (words->parsed()) return print(scenarios::vocabulary_tables()), 0;
    if (listed->parsed()) return list(globals, *options);
    if (shown->parsed()) return show(globals, *options);
    return run(globals, *options);
  };
}

}  // namespace cli
