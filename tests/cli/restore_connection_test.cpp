// `drill restore` whose connection the node's sshd lets go of, or that is lost: while its reader thinks, and while it
// proves what was restored.
#include "core/clock.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"

namespace {

int connections(const lab::Node& node) { return std::stoi(node.run("pgrep -fc '^sshd: [u]buntu' || true")); }

}  // namespace

TEST_CASE("a restore takes its time at the prompt and in the proof, and goes on when its connections are cut there") {
  NEEDS_LAB();
  const bench::Setup setup;
  REQUIRE(setup.drill({"pull", "edge"}).exit_code == 0);
  setup.node.configure_sshd("ClientAliveInterval 1\nClientAliveCountMax 1\n");
  bench::Background drill{core::Child(
      {"script", "-qec",
       bench::drill_program() + " --config " + setup.config.string() + " restore edge/latest --to edge", "/dev/null"})};
  REQUIRE(drill.says("type edge to go on:"));
  const core::Stopwatch thinking;
  REQUIRE(lab::eventually([&] { return thinking.elapsed() > std::chrono::seconds(4); }));
  CHECK(connections(setup.node) > 0);
  CHECK_THAT(drill.said, !Catch::Contains("was lost"));

  drill.said.clear();  // the plan has the words of its steps
  setup.node.cut_connections();
  core::write_all(drill.child.stdin_fd(), "edge\n", "terminal");
  CHECK(drill.says("the connection was lost, and is made again"));
  REQUIRE(drill.says("Compare every object"));
  drill.said.clear();
  setup.node.cut_connections();
  const int code = drill.ends().value_or(-1);
  INFO(drill.said);
  CHECK(code == 0);
  CHECK_THAT(drill.said, Catch::Contains("the connection was lost, and is made again") && Catch::Contains("restored"));
  CHECK(setup.node.run("ls -dA /var/lib/rancher/k3s/server/db/.drill* 2>/dev/null || true").empty());
}
