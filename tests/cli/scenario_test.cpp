// drill scenario as it is typed: what it lists, shows and refuses, a case that passes, one that fails, and a game day.
#include <fstream>

#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"

namespace {

// Cases of the test's own, beside the nodes and clusters of the project.
struct Cases {
  core::ScratchDir scratch;
  std::filesystem::path scenarios = scratch.path() / "scenarios";

  Cases() {
    std::filesystem::create_directories(scenarios / "cases");
    for (const char* part : {"lab", "standin"})
      std::filesystem::create_symlink(std::filesystem::path(DRILL_SOURCE_DIR) / "scenarios" / part, scenarios / part);
  }

  void add(const std::string& name, const std::string& verdict) const {
    std::ofstream(scenarios / "cases" / (name + ".yaml"))
        << "title: Bits flip\nstory: Nobody looks.\ntags: [game-day, own]\nlesson: Look.\ngiven:\n  snapshots: [2h, "
           "1h]\n"
           "when:\n  - fault: flip-bits\n  - drill: verify edge/latest\nthen:\n  verdict: "
        << verdict << "\n";
  }

  core::CommandResult drill(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv{"env", "DRILL_SCENARIOS=" + scenarios.string(),
                                  "DRILL_STANDIN=" + bench::standin_program(), "TMPDIR=" + scratch.path().string(),
                                  bench::drill_program()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return core::run_command({argv, std::chrono::minutes(2)});
  }
};

}  // namespace

TEST_CASE("cases are listed, shown and asked for by name, and a wrong one is refused with what was meant") {
  const Cases cases;
  cases.add("bits-flip", "fail");
  CHECK(cases.drill({"scenario", "list"}).out.find("bits-flip") != std::string::npos);
  CHECK(cases.drill({"scenario", "list", "--tag", "own"}).exit_code == 0);
  CHECK(cases.drill({"scenario", "list", "--tag", "none"}).exit_code == 2);
  const core::CommandResult shown = cases.drill({"scenario", "show", "bits-flip"});
  CHECK(shown.out.find("Nobody looks.") != std::string::npos);
  CHECK(shown.out.find("- fault: flip-bits") != std::string::npos);
  const core::CommandResult unknown = cases.drill({"scenario", "run", "bit-flip"});
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err.find("there is no case bit-flip; did you mean bits-flip?") != std::string::npos);
  const core::CommandResult no_k3s = cases.drill({"scenario", "run", "--engine", "k3s", "bits-flip"});
  CHECK(no_k3s.exit_code == 2);
  CHECK(no_k3s.err.find("--engine k3s needs --k3s FILE") != std::string::npos);
  const core::CommandResult no_image =
      cases.drill({"scenario", "run", "--engine", "container", "--k3s", "k3s", "bits-flip"});
  CHECK(no_image.exit_code == 2);
  CHECK(no_image.err.find("needs --image IMAGE") != std::string::npos);
  std::ofstream(cases.scenarios / "cases/broken.yaml") << "title: x\nstorey: y\n";
  const core::CommandResult broken = cases.drill({"scenario", "list"});
  CHECK(broken.exit_code == 2);
  CHECK(broken.err.find("broken.yaml:2: unknown key 'storey' in a case; did you mean story?") != std::string::npos);
}

TEST_CASE(
    "a case that ends as it should passes, one that does not fails, with its logs and the command to run it again") {
  NEEDS_LAB();
  const Cases cases;
  cases.add("bits-flip", "fail");
  cases.add("wrong-hope", "pass");
  const std::filesystem::path out = cases.scratch.path() / "out";
  const std::filesystem::path junit = cases.scratch.path() / "results.xml";
  const core::CommandResult ran =
      cases.drill({"scenario", "run", "--out", out.string(), "--junit", junit.string(), "--repeat", "2"});
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 1);
  CHECK(ran.out.find("pass  bits-flip ") != std::string::npos);
  CHECK(ran.out.find("fail  wrong-hope ") != std::string::npos);
  CHECK(ran.out.find("2 passed, 2 failed, 0 skipped") != std::string::npos);
  CHECK(ran.out.ends_with("drill scenario run wrong-hope\n"));
  for (const char* kept : {"timeline.txt", "config.yaml", "wrong-hope.yaml", "logs/03-verify.json"})
    CHECK(std::filesystem::exists(out / "wrong-hope" / kept));
  CHECK_FALSE(std::filesystem::exists(out / "wrong-hope/store"));
  CHECK_FALSE(std::filesystem::exists(out / "bits-flip"));
  CHECK(core::read_file(junit).find("tests=\"4\" failures=\"2\"") != std::string::npos);
  const core::CommandResult json = cases.drill({"--json", "scenario", "run", "bits-flip"});
  CHECK(bench::parse(json).at("passed") == 1);
}

TEST_CASE("a game day replays cases on copies of the user's snapshots and touches nothing of the store") {
  NEEDS_LAB();
  const Cases cases;
  cases.add("bits-flip", "fail");
  const bench::Files files;
  bench::Desk desk;
  desk.write_config("engines:\n  standin:\n    path: " + bench::standin_program() + "\n",
                    "  prod:\n    host: 127.0.0.1\n");
  for (const char* name : {"state.db.20261123T221700Z", "state.db.20261123T231700Z"})
    core::copy_file(files.database, desk.scratch.path() / name);
  REQUIRE(desk.drill({"import", "--ignore-mtime", "--cluster", "prod", "--token-file", files.token.string(),
                      desk.scratch.path().string()})
              .exit_code == 0);
  const auto state = [&] {
    return core::run_command(
               {{"sh", "-c", "cd " + desk.store.string() + " && find . -type f | sort | xargs sha256sum"}})
        .out;
  };
  const std::string before = state();
  const core::CommandResult day =
      cases.drill({"--config", desk.config.string(), "scenario", "run", "--snapshot", "prod/latest"});
  INFO(day.out << day.err);
  CHECK(day.exit_code == 0);
  CHECK(day.out.find("A game day with copies of prod/20261123T231700Z") != std::string::npos);
  CHECK(day.out.find("what to do    Look.") != std::string::npos);
  CHECK(day.out.find("DATA LOST") != std::string::npos);
  CHECK(state() == before);
}
