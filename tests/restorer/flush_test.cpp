// What a restore and its rollback do on a node where something hangs: a dead mount, for which sync waits for ever.
#include "core/clock.hpp"
#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/restorer/bench.hpp"

namespace {

// Puts a command before the one of that name.
void replace_command(const Bench& bench, const std::string& name, const std::string& script) {
  bench.node.run("mkdir -p /usr/local/sbin; rm -f /usr/local/sbin/" + name + "; cat >/usr/local/sbin/" + name +
                 " <<'END'\n#!/usr/bin/dash\n" + script + "\nEND\nchmod 755 /usr/local/sbin/" + name);
}

// As a process does that waits for a dead mount: it heeds no signal but SIGKILL, which ends the test.
const std::string kHang =
    "touch /tmp/hangs; trap '' TERM INT HUP; mkfifo /tmp/never 2>/dev/null; read never </tmp/never\n";

std::string replace_and_roll_back(const Bench& bench) {
  restorer::Node there(bench.facts.settings);
  bench.replace(there);
  std::string unflushed = there.take_unflushed();
  there.roll_back(bench.facts);
  return unflushed + there.take_unflushed();
}

bool hangs(const Bench& bench) { return bench.node.run("ls /tmp/hangs 2>/dev/null || true") == "/tmp/hangs"; }

}  // namespace

TEST_CASE("only the file systems that were written are flushed, so that a dead mount elsewhere holds nothing up") {
  NEEDS_LAB();
  Bench bench;
  bench.make_server();
  bench.facts.settings.flush_timeout = std::chrono::seconds(5);
  SECTION("coreutils") { replace_command(bench, "sync", "[ $# -eq 0 ] || exec /usr/bin/sync \"$@\"\n" + kHang); }
  SECTION("busybox") {
    bench.node.run("find /var/lib/rancher /etc/rancher -exec touch -hd @1790000000 {} +");
    bench.node.install_busybox();
    replace_command(bench, "sync", "[ $# -eq 0 ] || exec /usr/bin/busybox sync \"$@\"\n" + kHang);
  }
  const std::string before = bench.files();
  CHECK(replace_and_roll_back(bench).empty());
  CHECK(bench.files() == before);
  CHECK_FALSE(hangs(bench));
}

TEST_CASE("where sync knows no single file system and hangs, a restore and its rollback go on and say so") {
  NEEDS_LAB();
  Bench bench;
  bench.make_server();
  bench.facts.settings.flush_timeout = std::chrono::seconds(1);
  replace_command(bench, "sync", "case $* in --help) echo 'Usage: sync'; exit ;; esac\n" + kHang);
  const std::string before = bench.files();
  restorer::Node there(bench.facts.settings);
  there.claim(bench.facts);
  CHECK(there.take_unflushed() == "all file systems (it had not ended after 1 seconds)");
  there.run(bench.facts, stop_step(bench.facts));
  CHECK(there.take_unflushed().empty());
  there.roll_back(bench.facts);
  CHECK_FALSE(there.take_unflushed().empty());
  CHECK(bench.files() == before);
  CHECK(hangs(bench));
}

TEST_CASE("a disk that does not take what is written to it is refused before anything is moved, and rolled back") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  restorer::Node there(bench.facts.settings);
  there.claim(bench.facts);
  replace_command(bench, "sync",
                  "[ $1 = -f ] || exec /usr/bin/sync \"$@\"\necho 'sync: error syncing: Input/output error'; exit 1");
  CHECK_THROWS_WITH(there.send(bench.facts, bench.database, bench.token), Catch::Contains("Input/output error"));
  there.roll_back(bench.facts);
  CHECK_THAT(there.take_unflushed(), Catch::Contains("Input/output error"));
  CHECK(bench.files() == before);
}

TEST_CASE("a start command that heeds no signal is left behind when its time is over") {
  NEEDS_LAB();
  Bench bench;
  bench.make_server();
  bench.facts.settings.start_timeout = std::chrono::seconds(1);
  replace_command(bench, "start-k3s", kHang);
  bench.facts.settings.start_command = "/usr/local/sbin/start-k3s";
  restorer::Node there(bench.facts.settings);
  CHECK_THROWS_WITH(bench.replace(there), Catch::Contains("had not ended"));
  CHECK(hangs(bench));
  there.roll_back(bench.facts);
}

TEST_CASE("the space of a node of busybox is looked at without a look at every mount") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::uint64_t expected = restorer::Node(bench.facts.settings).look().free_bytes;
  bench.node.install_busybox();
  replace_command(bench, "df", kHang);
  CHECK(restorer::Node(bench.facts.settings).look().free_bytes == expected);
  CHECK(expected > 0);
}
