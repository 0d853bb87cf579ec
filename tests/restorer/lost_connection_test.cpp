// A restore whose connection is lost, mostly between two steps: it goes on, unless somebody else has come in between.
#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/restorer/bench.hpp"

namespace {

// What is left to be done of a restore that has claimed the node and sent what it places.
void place_and_finish(const Bench& bench, restorer::Node& there) {
  there.run(bench.facts, stop_step(bench.facts));
  there.run(bench.facts, restorer::aside_step());
  there.run(bench.facts, restorer::place_step());
  there.run(bench.facts, start_step(bench.facts));
  there.run(bench.facts, restorer::finish_step());
}

void claim_and_send(const Bench& bench, restorer::Node& there) {
  there.claim(bench.facts);
  there.send(bench.facts, bench.database, bench.token);
}

std::string owner(const Bench& bench) { return restorer::Node(bench.facts.settings).look().owner; }

// From here on this command waits, once it is called, until go() is.
void hold(const Bench& bench, const std::string& command) {
  bench.node.run(
      "mkdir -p /usr/local/sbin; printf '#!/bin/sh\ntouch /tmp/held\nwhile [ ! -e /tmp/go ]; do sleep 0.1; "
      "done\nexec /usr/bin/" +
      command + " \"$@\"\n' >/usr/local/sbin/" + command + "; chmod 755 /usr/local/sbin/" + command);
}
bool is_held(const Bench& bench) {
  return lab::eventually([&] { return bench.node.run("ls /tmp/held 2>/dev/null || true") == "/tmp/held"; });
}
void go(const Bench& bench, const std::string& command) {
  bench.node.run("touch /tmp/go; rm /usr/local/sbin/" + command);
}

}  // namespace

TEST_CASE("a connection that is lost between any two steps is made again, and nobody else has the node meanwhile") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  bench.node.cut_connections();
  CHECK(there.look().owner.empty());
  bench.node.cut_connections();
  there.check_forwarding();
  bench.node.cut_connections();
  claim_and_send(bench, there);
  bench.node.cut_connections();
  CHECK(lab::eventually([&] { return owner(bench).empty(); }));
  CHECK(there.kubeconfig(bench.facts) == "admin");
  CHECK_FALSE(owner(bench).empty());
  CHECK_THAT(bench.mend_in_words(), Catch::Contains("is at work here"));
  bench.node.cut_connections();
  place_and_finish(bench, there);
  CHECK(bench.node.run("cat " + kServer + "/db/state.db; ls -A " + kServer + "/db") ==
        "another databasebefore-restore-" + bench.facts.timestamp + "\nstate.db");
}

TEST_CASE("a node whose sshd takes one command at a time on a connection is restored") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  bench.node.run("sed -i '/^MaxSessions/d' /etc/ssh/sshd_config");
  bench.node.configure_sshd("MaxSessions 1\n");
  restorer::Node there(bench.facts.settings);
  claim_and_send(bench, there);
  CHECK_FALSE(owner(bench).empty());
  place_and_finish(bench, there);
  CHECK(bench.node.run("cat " + kServer + "/db/state.db") == "another database");
}

TEST_CASE("a look whose connection is lost in its midst is taken again") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  hold(bench, "uname");
  lab::Fork child([&] { return restorer::Node(bench.facts.settings).look().name; });
  REQUIRE(is_held(bench));
  bench.node.cut_connections();
  go(bench, "uname");
  CHECK(child.result() == bench.node.run("hostname"));
}

TEST_CASE("of a connection that only hangs the claim is taken over") {
  NEEDS_LAB();
  Bench bench;
  bench.make_server();
  bench.facts.settings.target.idle_timeout = std::chrono::seconds(3);
  restorer::Node there(bench.facts.settings);
  claim_and_send(bench, there);
  const std::string before = owner(bench);
  bench.node.run("pkill -STOP -f '^sshd: [u]buntu'");
  there.run(bench.facts, stop_step(bench.facts));
  const std::string after = owner(bench);
  CHECK_FALSE(after.empty());
  CHECK(after != before);
  CHECK(bench.node.run("[ ! -e /proc/" + before + " ] || sed -n 's/^State:[^A-Z]*//p' /proc/" + before + "/status") ==
        "");
}

TEST_CASE("a restore whose connection only hangs makes way once what the message says is typed") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  restorer::Node there(bench.facts.settings);
  claim_and_send(bench, there);
  const std::string message = bench.mend_in_words();
  CHECK_THAT(message, Catch::Contains("is at work here"));
  bench.node.type_cure(message);
  CHECK(bench.mend_in_words() == "done");
  CHECK(bench.files() == before);
}

TEST_CASE("a restore that somebody else has rolled back meanwhile does not go on") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  restorer::Node there(bench.facts.settings);
  claim_and_send(bench, there);
  there.run(bench.facts, stop_step(bench.facts));
  bench.node.cut_connections();
  bench.recover();
  CHECK_THROWS_WITH(there.run(bench.facts, restorer::aside_step()), Catch::Contains("ended by another"));
  CHECK_THROWS_WITH(there.pulse(bench.facts), Catch::Contains("ended by another"));
  CHECK(bench.files() == before);
}

TEST_CASE("a restore whose rollback somebody else has begun meanwhile does not go on") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  restorer::Node there(bench.facts.settings);
  bench.replace(there);
  bench.node.cut_connections();
  REQUIRE(lab::eventually([&] { return owner(bench).empty(); }));
  hold(bench, "rmdir");
  lab::Fork other([&] { return bench.mend_in_words(); });
  REQUIRE(is_held(bench));
  CHECK_THROWS_WITH(there.run(bench.facts, restorer::finish_step()), Catch::Contains("was begun by another"));
  go(bench, "rmdir");
  CHECK(other.result() == "done");
  CHECK(bench.files() == before);
}

TEST_CASE("a rollback by somebody else that has not yet begun gives way to a restore that comes back") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  bench.replace(there);
  bench.node.cut_connections();
  REQUIRE(lab::eventually([&] { return owner(bench).empty(); }));
  hold(bench, "ln");  // with which it would take its turn
  lab::Fork other([&] { return bench.mend_in_words(); });
  REQUIRE(is_held(bench));
  there.pulse(bench.facts);
  go(bench, "ln");
  CHECK_THAT(other.result(), Catch::Contains("is at work here"));
  there.run(bench.facts, restorer::finish_step());
  CHECK(bench.node.run("cat " + kServer + "/db/state.db") == "another database");
}
