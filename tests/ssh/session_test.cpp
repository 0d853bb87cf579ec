// An ssh session that nobody uses for a while, to an sshd that asks whether we are still there.
#include "ssh/session.hpp"

#include "core/clock.hpp"
#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

namespace {

std::string answer(ssh::Session& session) {
  ssh::Command command = session.start("echo here");
  char buffer[64];
  const std::size_t got = command.read(buffer, sizeof buffer);
  return {buffer, got};
}

bool idle_for(std::chrono::milliseconds duration) {
  const core::Stopwatch idle;
  return lab::eventually([&] { return idle.elapsed() > duration; });
}

}  // namespace

TEST_CASE("a session that nobody uses is kept with an sshd that lets go of the silent after a second") {
  NEEDS_LAB();
  const lab::Node node;
  node.configure_sshd("ClientAliveInterval 1\nClientAliveCountMax 1\n");
  ssh::Session session(node.target());
  const ssh::Command held = session.start("exec cat");
  REQUIRE(idle_for(std::chrono::seconds(5)));
  CHECK(session.is_connected());
  CHECK(answer(session) == "here\n");
}

TEST_CASE("a session whose server was killed says so before it is used") {
  NEEDS_LAB();
  const lab::Node node;
  ssh::Session session(node.target());
  CHECK(session.is_connected());
  node.cut_connections();
  CHECK(lab::eventually([&] { return !session.is_connected(); }, 2));
  CHECK_THROWS_AS(session.start("true"), core::Error);
}
