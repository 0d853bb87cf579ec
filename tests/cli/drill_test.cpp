// `drill run --file`: no store, no node; only the program, a database and a token.
#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"
#include "tests/small_disk.hpp"

namespace {

std::vector<std::string> run_arguments(const bench::Files& files) {
  return {"run", "--file", files.database.string(), "--token-file", files.token.string(), "--engine", "standin"};
}

// A drill in the background, with a TMPDIR of its own to be searched afterwards.
struct BackgroundDrill {
  core::ScratchDir tmpdir;
  bench::Files files;
  bench::Background program{core::Child(command())};

  std::vector<std::string> command() const {
    std::vector<std::string> argv{
        "env", "TMPDIR=" + tmpdir.path().string(),
        "PATH=" + std::filesystem::path(bench::standin_program()).parent_path().string() + ":/usr/bin:/bin",
        bench::drill_program(), "-v"};
    for (std::string& argument : run_arguments(files)) argv.push_back(std::move(argument));
    return argv;
  }
};

}  // namespace

TEST_CASE("a drill killed at any phase leaves no process, mount, network or file") {
  for (const char* phase : {"select", "fetch", "verify", "place", "start", "datastore", "bootstrap", "ready", "list",
                            "prove", "teardown"}) {
    INFO(phase);
    BackgroundDrill drill;
    REQUIRE(drill.program.says("drill: phase " + std::string(phase) + "\n"));
    if (std::string_view(phase) == "ready")
      CHECK_FALSE(bench::traces(drill.tmpdir.path()).empty());  // so it can be seen
    drill.program.child.kill();
    CHECK(lab::eventually([&] { return bench::traces(drill.tmpdir.path()).empty(); }));
  }
}

TEST_CASE("Ctrl-C ends a drill with 130 and leaves nothing") {
  BackgroundDrill drill;
  REQUIRE(drill.program.says("drill: phase ready\n"));
  ::kill(drill.program.child.pid(), SIGINT);
  CHECK(drill.program.ends() == 130);
  CHECK(bench::traces(drill.tmpdir.path()).empty());
  CHECK(drill.program.said.find("drill: error: cancelled") != std::string::npos);
}

TEST_CASE("what is left when a drill and its sandbox are killed at one stroke is gone after the next drill") {
  BackgroundDrill drill;
  REQUIRE(drill.program.says("drill: phase ready\n"));
  const std::string pid = std::to_string(drill.program.child.pid());
  std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
  pid_t sandbox = 0;
  REQUIRE(children >> sandbox);
  ::kill(sandbox, SIGKILL);  // which would have cleaned up
  drill.program.child.kill();
  const auto only_cgroups = [&] {
    for (const std::string& trace : bench::traces(drill.tmpdir.path()))
      if (!trace.starts_with("cgroup ")) return false;
    return true;
  };
  CHECK(lab::eventually(only_cgroups));
  BackgroundDrill next;  // which finds the stand-in in its PATH
  const std::optional<int> code = next.program.ends();
  INFO(next.program.said);
  CHECK(code == 0);
  CHECK(bench::traces(drill.tmpdir.path()) == std::vector<std::string>{});
}

TEST_CASE("two drills at once of the same cluster both pass and leave nothing") {
  BackgroundDrill one;
  BackgroundDrill other;
  CHECK(one.program.says("drill: phase ready\n"));
  CHECK(other.program.says("drill: phase ready\n"));
  for (BackgroundDrill* drill : {&one, &other}) {
    const std::optional<int> code = drill->program.ends();
    INFO(drill->program.said);
    CHECK(code == 0);
  }
  CHECK(bench::traces(one.tmpdir.path()).empty());
}

TEST_CASE("an unprivileged user can drill") {
  if (::geteuid() != 0) {
    WARN("test skipped: needs root to become somebody else");
    return;
  }
  // Everything it needs is put where nobody may read it.
  const std::filesystem::path place = "/tmp/k3s-drill-test-nobody." + std::to_string(::getpid());
  std::filesystem::create_directory(place);
  const bench::Files files;
  for (const auto& [from, to] : {std::pair<std::filesystem::path, std::string>(bench::drill_program(), "drill"),
                                 {bench::standin_program(), "k3s-standin"},
                                 {files.database, "state.db"},
                                 {files.token, "token"}}) {
    std::filesystem::copy_file(from, place / to);
    ::chmod((place / to).c_str(), 0755);
  }
  ::chmod(place.c_str(), 0755);
  const core::CommandResult ran = core::run_command(
      {{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", (place / "drill").string(), "--json",
        "run", "--engine", "standin", "--file", (place / "state.db").string(), "--token-file",
        (place / "token").string(), "--alive-for", "0s"},
       std::chrono::minutes(1)});
  std::filesystem::remove_all(place);
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 0);
  CHECK(bench::parse(ran).at("objects").at("matched") > 10'000);
}

TEST_CASE("a wrong token is a failing drill that says what k3s would do") {
  const bench::Files files;
  std::filesystem::remove(files.token);
  core::write_new_file(files.token, "not-the-token\n");
  std::vector<std::string> arguments = run_arguments(files);
  arguments.push_back("--json");
  const core::CommandResult ran = bench::drill(arguments);
  CHECK(ran.exit_code == 1);
  const auto report = bench::parse(ran);
  CHECK(report.at("verdict") == "fail");
  CHECK_THAT(ran.out, Catch::Contains("check bootstrap"));
  CHECK(ran.out.find("not-the-token") == std::string::npos);
}

TEST_CASE("an engine that cannot be had is inconclusive and says the cure") {
  const bench::Files files;
  std::vector<std::string> arguments = run_arguments(files);
  arguments.back() = "k3s";
  arguments.push_back("--json");
  const core::CommandResult ran = bench::drill(arguments);
  CHECK(ran.exit_code == 3);
  CHECK_THAT(ran.out, Catch::Contains("engines.k3s.path"));
}

// The stand-in as a release of k3s in a cache: its version is told apart from the stand-in's by its text alone.
void put_release(const std::filesystem::path& cache, std::string_view version) {
  constexpr std::string_view own = "v1.37.2+standin1";
  REQUIRE(version.size() == own.size());
  const std::filesystem::path release = cache / "releases" / version / "k3s";
  std::filesystem::create_directories(release.parent_path());
  std::string program = core::read_file(bench::standin_program(), 1U << 30U);
  std::size_t count = 0;
  for (std::size_t at = 0; (at = program.find(own, at)) != std::string::npos; ++count)
    program.replace(at, own.size(), version);
  REQUIRE(count > 0);
  core::write_new_file(release, program);
  std::filesystem::permissions(release, std::filesystem::perms::owner_all);
}

TEST_CASE("a snapshot is drilled with each k3s version that is asked for, and each has its verdict") {
  const bench::Desk desk;
  const bench::Files files;
  put_release(desk.scratch.path(), "v1.37.20+k3s1234");
  desk.write_config("engines:\n  k3s:\n    cache: " + desk.scratch.path().string() + "\n", "  {}\n");
  const core::CommandResult ran =
      desk.drill({"--json", "run", "--file", files.database.string(), "--token-file", files.token.string(), "--k3s",
                  "v1.37.20+k3s1234,v1.38.0+k3s1", "--alive-for", "0s", "--control", "none"});
  INFO(ran.err);
  CHECK(ran.exit_code == 3);
  const auto runs = bench::parse(ran).at("runs");
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].at("verdict") == "pass");
  CHECK(runs[0].at("engine").at("kind") == "k3s");
  CHECK(runs[0].at("engine").at("version") == "v1.37.20+k3s1234");
  CHECK(runs[0].at("objects").at("matched") == runs[0].at("objects").at("expected"));
  CHECK(runs[1].at("verdict") == "inconclusive");
  CHECK(runs[1].at("engine").is_null());
  CHECK_THAT(runs[1].dump(), Catch::Contains("no engine for k3s v1.38.0+k3s1"));
}

namespace {

// A store with the seed as a snapshot of `edge`, its token as it is given.
struct Stored : bench::Desk {
  bench::Files files;

  Stored() {
    write_config("stale_after: 1000d\nengines:\n  standin:\n    path: " + bench::standin_program() + "\n",
                 "  edge:\n    host: x\n");
  }

  std::filesystem::path import(const std::string& name, const std::filesystem::path& token) const {
    const std::filesystem::path named = scratch.path() / ("state.db." + name);
    std::filesystem::copy_file(files.database, named);
    const core::CommandResult imported =
        drill({"import", "--cluster", "edge", "--ignore-mtime", "--token-file", token.string(), named.string()});
    INFO(imported.err);
    REQUIRE(imported.exit_code == 0);
    return store / "edge" / name;
  }

  core::CommandResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"run", "--engine", "standin", "--alive-for", "0s", "--control", "none"});
    return drill(arguments);
  }
};

}  // namespace

TEST_CASE("a drill whose proof cannot be kept has its verdict all the same, with a warning") {
  if (!lab::SmallDisk::missing().empty()) {
    WARN("test skipped: " << lab::SmallDisk::missing());
    return;
  }
  const Stored stored;
  const lab::SmallDisk disk(stored.store, "size=64m");
  core::write_new_file(stored.scratch.path() / "wrong", "not-the-token\n");
  const auto sound = stored.import("20261101T001000Z", stored.files.token);
  const auto bad = stored.import("20261102T001000Z", stored.scratch.path() / "wrong");
  std::ofstream(stored.store / "rest") << std::string(64U << 20U, 'x');
  REQUIRE(std::filesystem::space(stored.store).available == 0);
  const std::filesystem::path report = stored.scratch.path() / "report.json";
  for (const auto& [snapshot, verdict, code] : {std::tuple(bad, "fail", 1), std::tuple(sound, "pass", 0)}) {
    const core::CommandResult ran =
        stored.run({"--snapshot", "edge/" + snapshot.filename().string(), "--report", report.string(), "--json"});
    INFO(ran.out << ran.err);
    CHECK(ran.exit_code == code);
    CHECK(bench::parse(ran).at("verdict") == verdict);
    CHECK(core::read_file(report) == ran.out);
    CHECK_THAT(ran.err,
               Catch::Contains("warning: edge/" + snapshot.filename().string() + ": the proof is not kept with it") &&
                   Catch::Contains("drill prune"));
    CHECK_FALSE(std::filesystem::exists(snapshot / "run.json"));
  }
  const core::CommandResult text = stored.run({"--snapshot", "edge/20261102T001000Z"});
  CHECK(text.exit_code == 1);
  CHECK_THAT(text.out, Catch::StartsWith("fail  edge/20261102T001000Z"));
  CHECK_THAT(text.out, !Catch::Contains("run.json"));
}

TEST_CASE("a drill with another k3s version than the snapshot's is no proof of the snapshot") {
  const Stored stored;
  const std::filesystem::path snapshot = stored.import("20261101T001000Z", stored.files.token);
  std::string manifest = core::read_file(snapshot / "manifest.json");
  const std::string_view unknown = "\"k3s_version\": \"\"";
  REQUIRE(manifest.find(unknown) != std::string::npos);
  manifest.replace(manifest.find(unknown), unknown.size(), "\"k3s_version\": \"v1.30.4+k3s1\"");
  std::filesystem::remove(snapshot / "manifest.json");
  core::write_new_file(snapshot / "manifest.json", manifest);
  const core::CommandResult ran = stored.run({"edge", "--json"});
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 0);
  CHECK(bench::parse(ran).at("snapshot").at("k3s_version") == "v1.30.4+k3s1");
  CHECK_THAT(ran.err, Catch::Contains("edge/20261101T001000Z was taken from k3s v1.30.4+k3s1") &&
                          Catch::Contains("drilled with v1.37.2+standin1"));
  CHECK_FALSE(std::filesystem::exists(snapshot / "run.json"));
  CHECK_FALSE(std::filesystem::exists(stored.store / "edge" / "drills.jsonl"));
  CHECK(stored.drill({"show", "edge/proven"}).exit_code == 3);
}

TEST_CASE("wrong usage exits 2 with one line, and with --json one document") {
  const std::vector<std::vector<std::string>> wrong{{"bogus"},
                                                    {"run", "--file", "/x"},
                                                    {"run", "--engine", "magic"},
                                                    {"run", "--control", "fire"},
                                                    {"run", "--k3s", "1.36"},
                                                    {"run", "--k3s", "v1.36.2@sha256:0"},
                                                    {"run", "--k3s", "v1.36.2+k3s1", "--engine", "standin"},
                                                    {"run", "--settle", "5s"},
                                                    {"run", "--file", "/x", "--token-file", "/y", "--alive-for", "5"},
                                                    {"verify", "--token-file", "/x"},
                                                    {"show"},
                                                    {"--config", "/nowhere", "list"},
                                                    {"list", "--flag"}};
  for (const std::vector<std::string>& arguments : wrong) {
    const core::CommandResult result = bench::drill(arguments);
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.starts_with("drill: error: "));
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(result.out.empty());
  }
  CHECK(bench::parse(bench::drill({"--json", "pull", "--bogus"})).at("kind") == "usage");
  CHECK(bench::drill({"--config", "/nowhere", "doctor"}).exit_code == 2);
  const core::CommandResult json = bench::drill({"--json", "--config", "/nowhere", "list"});
  CHECK(json.exit_code == 2);
  CHECK(bench::parse(json).at("kind") == "usage");
}

TEST_CASE("wrong usage exits 2 however many clusters there are, and whether or not they have snapshots") {
  const bench::Desk desk;
  for (const char* clusters : {"  edge:\n    host: x\n", "  edge:\n    host: x\n  away:\n    host: y\n"}) {
    desk.write_config("", clusters);
    for (const char* option : {"--alive-for", "--settle"}) {
      const core::CommandResult result = desk.drill({"run", "--controllers", option, "bogus"});
      INFO(result.err);
      CHECK(result.exit_code == 2);
      CHECK(result.out.empty());
    }
  }
}

TEST_CASE("files that are no database are failing verifications, and files that are not there are not") {
  const core::ScratchDir scratch;
  core::write_new_file(scratch.path() / "empty", "");
  core::write_new_file(
      scratch.path() / "text",
      "this is no database, but a text that is longer than a header of one hundred bytes would be, by far.\n");
  CHECK(bench::drill({"verify", "--file", (scratch.path() / "empty").string()}).exit_code == 1);
  CHECK(bench::drill({"verify", "--file", (scratch.path() / "text").string()}).exit_code == 1);
  CHECK(bench::drill({"verify", "--file", (scratch.path() / "absent").string()}).exit_code == 3);
  CHECK(bench::drill({"verify", "--file", scratch.path().string()}).exit_code == 3);
}
