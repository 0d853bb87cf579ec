// `drill run --file`: no store, no node; only the program, a database and a token.
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/cancel.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"

namespace {

std::vector<std::string> run_arguments(const bench::Files& files) {
  return {"run", "--file", files.database.string(), "--token-file", files.token.string(), "--engine", "standin"};
}

// A drill in the background, with a TMPDIR of its own to be searched afterwards.
struct Background {
  core::ScratchDir tmpdir;
  bench::Files files;
  core::Child child;
  std::string said;

  Background() : child(command()) {}

  std::vector<std::string> command() {
    std::vector<std::string> argv{
        "env", "TMPDIR=" + tmpdir.path().string(),
        "PATH=" + std::filesystem::path(bench::standin_program()).parent_path().string() + ":/usr/bin:/bin",
        bench::drill_program(), "-v"};
    for (std::string& argument : run_arguments(files)) argv.push_back(std::move(argument));
    return argv;
  }

  bool says(const std::string& words) {
    char buffer[4096];
    while (said.find(words) == std::string::npos) {
      if (!core::wait_for(child.output_fd(), POLLIN, std::chrono::seconds(60))) return false;
      const ssize_t got = ::read(child.output_fd(), buffer, sizeof buffer);
      if (got <= 0) return false;
      said.append(buffer, static_cast<std::size_t>(got));
    }
    return true;
  }
};

}  // namespace

TEST_CASE("a drill killed at any phase leaves no process, mount, network or file") {
  for (const char* phase : {"select", "fetch", "verify", "place", "start", "datastore", "bootstrap", "ready", "list",
                            "prove", "teardown"}) {
    INFO(phase);
    Background drill;
    REQUIRE(drill.says("drill: phase " + std::string(phase) + "\n"));
    if (std::string_view(phase) == "ready")
      CHECK_FALSE(bench::traces(drill.tmpdir.path()).empty());  // so it can be seen
    drill.child.kill();
    CHECK(lab::eventually([&] { return bench::traces(drill.tmpdir.path()).empty(); }));
  }
}

TEST_CASE("Ctrl-C ends a drill with 130 and leaves nothing") {
  Background drill;
  REQUIRE(drill.says("drill: phase ready\n"));
  ::kill(drill.child.pid(), SIGINT);
  REQUIRE(lab::eventually([&] { return drill.child.exit_code().has_value(); }));
  CHECK(drill.child.exit_code() == 130);
  CHECK(bench::traces(drill.tmpdir.path()).empty());
  drill.says("no such words");
  CHECK(drill.said.find("drill: error: cancelled") != std::string::npos);
}

TEST_CASE("an unprivileged user can drill") {
  if (::geteuid() != 0) {
    WARN("skipped: needs root to become somebody else");
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
  const core::CommandResult ran =
      core::run_command({{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                          (place / "drill").string(), "--json", "run", "--engine", "standin", "--file",
                          (place / "state.db").string(), "--token-file", (place / "token").string()},
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

TEST_CASE("wrong usage exits 2 with one line, and with --json one document") {
  const std::vector<std::vector<std::string>> wrong{{"bogus"},
                                                    {},
                                                    {"run", "--file", "/x"},
                                                    {"run", "--engine", "magic"},
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
