// Pulls by the node's sqlite3 that are cut off: by the network, by the node, by Ctrl-C, by SIGKILL. Nothing is stored
// and nothing stays. Those by drill-node: helper_interruption_test.cpp.
#include <signal.h>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"
#include "tests/puller/relay.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

constexpr puller::Method kSqlite3 = puller::Method::sqlite3;
constexpr std::uint64_t kHalfWay = 5U << 20U;

// Makes the node's sqlite3 stop when it has made the copy, until /tmp/go is there; /tmp/copied says that it has.
void hold_the_copy(const lab::Node& node) {
  node.run(
      "cat >/usr/local/bin/sqlite3 <<'END'\n#!/bin/sh\ncase \"$*\" in *state.db) ;; *) exec /usr/bin/sqlite3 \"$@\" ;; "
      "esac\n"
      "/usr/bin/sqlite3 \"$@\"\ntouch /tmp/copied\nmkfifo /tmp/never\nread line </tmp/never\n"
      "END\nchmod 755 /usr/local/bin/sqlite3");
}

bool copy_is_there(const lab::Node& node) {
  return lab::eventually([&] { return node.run("ls /tmp/copied 2>/dev/null || true") == "/tmp/copied"; });
}

}  // namespace

TEST_CASE("a connection dropped half way is unreachable, with nothing stored and nothing left") {
  NEEDS_LAB();
  lab::HalfWay held(kSqlite3);
  held.relay->drop();
  CHECK_THAT(held.pull->result(), StartsWith("unreachable: ") && Contains("state.db"));
  CHECK(held.shelf.files().empty());
  CHECK(lab::left_behind(held.node) == "");
}

TEST_CASE("a killed sshd half way is unreachable, with nothing stored and nothing left") {
  NEEDS_LAB();
  lab::HalfWay held(kSqlite3);
  held.node.run("kill -9 $(pgrep -f 'sshd: [u]buntu')");
  held.relay->release();
  CHECK_THAT(held.pull->result(), StartsWith("unreachable: ") && Contains("state.db"));
  CHECK(held.shelf.files().empty());
  CHECK(lab::left_behind(held.node) == "");
}

TEST_CASE("a script killed half way is unreachable, not a short snapshot") {
  NEEDS_LAB();
  lab::HalfWay held(kSqlite3);
  held.node.run("kill -9 $(pgrep -x cat)");
  held.relay->release();
  CHECK_THAT(held.pull->result(), StartsWith("unreachable: ") && Contains("ended early"));
  CHECK(held.shelf.files().empty());
  CHECK(lab::left_behind(held.node) == "");
}

TEST_CASE("the copy has no name while it is streamed") {
  NEEDS_LAB();
  lab::HalfWay held(kSqlite3);
  CHECK(held.node.run("ls -A /var/lib/rancher/k3s/server/db") == "state.db");
  held.relay->release();
  CHECK(held.pull->result() == "");
}

TEST_CASE("while the copy is made only root can reach it") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  hold_the_copy(node);
  lab::Shelf shelf;
  lab::Fork child([&] { return lab::try_pull(node.target(kSqlite3), shelf.store); });
  REQUIRE(copy_is_there(node));
  CHECK(node.run(
            "cd /var/lib/rancher/k3s/server/db; stat -c '%a %u' .k3s-drill-*; stat -c '%a' .k3s-drill-*/* | sort -u") ==
        "700 0\n600");
}

TEST_CASE("a node that falls silent ends with the idle timeout") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database(9000, 3800);
  lab::Relay relay(node, kHalfWay);
  puller::Target target = relay.target(kSqlite3);
  target.idle_timeout = std::chrono::seconds(1);
  lab::Shelf shelf;
  CHECK_THAT(lab::try_pull(target, shelf.store), Contains("timeout: ") && Contains("no word from the node for 1 s"));
  CHECK(shelf.files().empty());
  CHECK(lab::left_behind(node) == "");
}

TEST_CASE("a copy that takes longer than the idle timeout is waited for") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  hold_the_copy(node);
  puller::Target target = node.target(kSqlite3);
  target.idle_timeout = std::chrono::seconds(2);
  target.answer_timeout = std::chrono::seconds(2);  // beside which a read transaction has its own time
  lab::Shelf shelf;
  lab::Fork child([&] { return lab::try_pull(target, shelf.store); });
  REQUIRE(copy_is_there(node));
  // Nothing but signs of life for longer than the timeout, one a second.
  const core::Stopwatch held;
  REQUIRE(lab::eventually([&] { return held.elapsed() > std::chrono::milliseconds(2500); }));
  node.run("echo >/tmp/never");
  CHECK(child.result() == "");
}

TEST_CASE("a copy that takes longer than it may is ended, and leaves nothing") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  hold_the_copy(node);
  puller::Target target = node.target(kSqlite3);
  target.limits.read_transaction = std::chrono::seconds(1);
  lab::Shelf shelf;
  CHECK_THAT(lab::try_pull(target, shelf.store), StartsWith("timeout: ") && Contains("limits.read_transaction"));
  CHECK(shelf.files().empty());
  CHECK(lab::left_behind(node) == "");
}

TEST_CASE("Ctrl-C while the node copies cancels at once and leaves nothing here or there") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  hold_the_copy(node);
  lab::Shelf shelf;
  lab::Fork child([&] {
    core::install_cancel_handlers();
    return lab::try_pull(node.target(kSqlite3), shelf.store);
  });
  REQUIRE(copy_is_there(node));
  const auto started = std::chrono::steady_clock::now();
  child.signal(SIGINT);
  CHECK_THAT(child.result(), StartsWith("cancelled: "));
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(2));
  CHECK(shelf.files().empty());
  CHECK(lab::left_behind(node) == "");
}

TEST_CASE("Ctrl-C half way through the stream leaves nothing here or there") {
  NEEDS_LAB();
  lab::HalfWay held(kSqlite3, core::install_cancel_handlers);
  held.pull->signal(SIGINT);
  CHECK_THAT(held.pull->result(), Contains("cancelled: "));
  held.relay->release();
  CHECK(held.shelf.files().empty());
  CHECK(lab::left_behind(held.node) == "");
}

TEST_CASE("a puller killed by SIGKILL while the node copies leaves nothing on the node") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  hold_the_copy(node);
  lab::Shelf shelf;
  lab::Fork child([&] { return lab::try_pull(node.target(kSqlite3), shelf.store); });
  REQUIRE(copy_is_there(node));
  child.signal(SIGKILL);
  CHECK(lab::left_behind(node) == "");
  CHECK(shelf.store.list("edge").empty());
}

TEST_CASE(
    "a puller killed by SIGKILL half way leaves nothing on the node, and the next pull clears its half snapshot") {
  NEEDS_LAB();
  lab::HalfWay held(kSqlite3);
  held.pull->signal(SIGKILL);
  held.relay->release();
  CHECK(lab::left_behind(held.node) == "");
  CHECK(held.shelf.store.list("edge").empty());
  REQUIRE(lab::try_pull(held.node.target(kSqlite3), held.shelf.store) == "");
  CHECK(held.shelf.store.list("edge").size() == 1);
  for (const std::filesystem::path& file : held.shelf.files())
    CHECK(file.string().find("/.incoming-") == std::string::npos);
}
