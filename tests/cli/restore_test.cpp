// `drill restore` on lab nodes with a real control plane: the cluster comes back, or the node is as it was before.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "core/cancel.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/restore_bench.hpp"

namespace {

using nlohmann::json;
using restore_bench::check_restored;
using restore_bench::kServer;
using restore_bench::Restored;
using restore_bench::step;

// What `child` has said when `words` come by.
std::string read_until(core::Child& child, const std::string& words) {
  std::string text;
  char buffer[4096];
  while (text.find(words) == std::string::npos) {
    if (!core::wait_for(child.output_fd(), POLLIN, std::chrono::seconds(60)))
      throw std::runtime_error("no '" + words + "' after: " + text);
    const ssize_t got = ::read(child.output_fd(), buffer, sizeof buffer);
    if (got <= 0) throw std::runtime_error("ended before '" + words + "': " + text);
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

// A restore whose drill is killed when it says `title`.
void cut_off(const Restored& bench, const std::string& title) {
  core::Child drill(bench.command({"edge/latest", "--yes"}));
  read_until(drill, title);
  drill.kill();
}

int wait_for_end(core::Child& child, std::string& text) {
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(child.output_fd(), buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<std::size_t>(got));
  REQUIRE(lab::eventually([&] { return child.exit_code().has_value(); }));
  return *child.exit_code();
}

}  // namespace

TEST_CASE("a database that was deleted comes back on its node, every object, and what was there is kept") {
  NEEDS_LAB();
  const Restored bench;
  const std::string process = bench.node.run("cat /run/k3s.pid");

  const core::CommandResult unasked = bench.restore({});
  CHECK(unasked.exit_code == 2);
  CHECK_THAT(unasked.err, Catch::Contains("--dry-run") && Catch::Contains("--yes"));
  const core::CommandResult dry = bench.restore({"--dry-run"});
  INFO(dry.out << dry.err);
  CHECK(dry.exit_code == 0);
  CHECK(step(bench::parse(dry), "stop").at("verdict") == "skipped");
  CHECK_THAT(step(bench::parse(dry), "stop").at("lines").get<std::string>(), Catch::Contains("systemctl stop k3s"));
  CHECK(bench.left_on_node().empty());
  CHECK(bench.node.run("cat /run/k3s.pid") == process);

  bench.node.run("rm " + kServer + "/db/state.db*; date >" + kServer + "/tls/mine");
  const int logins = std::stoi(bench.node.run("grep -c 'Accepted publickey' /var/log/sshd.log"));
  const core::CommandResult result = bench.restore({"--yes"});
  INFO(result.out << result.err);
  REQUIRE(result.exit_code == 0);
  const json document = bench::parse(result);
  check_restored(document);
  // Many nodes let in only a few logins in a minute.
  CHECK(std::stoi(bench.node.run("grep -c 'Accepted publickey' /var/log/sshd.log")) - logins <= 4);
  CHECK(document.at("revision").at("bumped") > document.at("revision").at("snapshot").get<std::int64_t>() + 999'999);
  CHECK(bench.node.run("ls " + document.at("kept_aside").get<std::string>() + "/tls/mine") != "");
  CHECK(bench.node.run("cat /run/k3s.pid") != process);
  CHECK(bench.left_on_node().empty());
  CHECK_THAT(document.at("needs_a_person").dump(),
             Catch::Contains("restart k3s-agent") && Catch::Contains("volume ") && Catch::Contains("registries.yaml"));

  const core::CommandResult pulled = bench.drill({"pull", "edge"});
  INFO(pulled.out << pulled.err);
  CHECK(pulled.exit_code == 0);
  const json verified = bench::parse(bench.drill({"verify", "edge/latest", "--json"}));
  CHECK(verified.at("verdict") == "pass");
  CHECK(verified.at("revision") > document.at("revision").at("bumped"));
}

TEST_CASE("a bare node with k3s installed takes the cluster") {
  NEEDS_LAB();
  const lab::Node fresh({"--name", "new-node"}, lab::ControlPlane::yes);
  const Restored bench(bench::cluster_lines("fresh", fresh.target()));
  fresh.run("systemctl stop k3s; rm -rf /var/lib/rancher/k3s /etc/rancher/k3s/k3s.yaml");
  // By its address, as a node that is not configured is named; the credentials are those of its host.
  const core::CommandResult result = bench.restore({"--yes"}, "ubuntu@" + fresh.variable("LAB_HOST") + ":22");
  INFO(result.out << result.err);
  REQUIRE(result.exit_code == 0);
  check_restored(bench::parse(result));
  CHECK(fresh.run("stat -c '%u:%g %a' " + kServer + "/db/state.db " + kServer + "/token") == "0:0 600\n0:0 600");
}

TEST_CASE("whatever fails or ends a restore, the node is bit for bit what it was before") {
  NEEDS_LAB();
  const Restored bench;
  bench.node.run("systemctl stop k3s");
  const std::string before = bench.state();

  bench.node.run(
      "printf '#!/bin/sh\\ncase $* in *start*) echo no such luck >&2; exit 1 ;; esac\\n"
      "exec /usr/local/bin/systemctl \"$@\"\\n' >/usr/local/sbin/systemctl; chmod 755 /usr/local/sbin/systemctl");
  const core::CommandResult failed = bench.restore({"--yes"});
  INFO(failed.out << failed.err);
  CHECK(failed.exit_code == 3);
  CHECK(bench::parse(failed).at("rolled_back") == true);
  CHECK_THAT(step(bench::parse(failed), "start").dump(), Catch::Contains("no such luck"));
  CHECK(bench.state() == before);
  bench.node.run("rm /usr/local/sbin/systemctl");

  REQUIRE(bench.kept() == "1");
  for (const auto& [title, kept] : {std::pair("Send database", "1"),
                                    {"Stop k3s", "1"},
                                    {"Move state.db", "1"},
                                    {"Put the snapshot", "1"},
                                    {"Wait until the API", "2"},
                                    {"Compare every object", "3"},
                                    {"See that it stays", "4"}}) {
    INFO(title);
    cut_off(bench, title);
    core::CommandResult recovered;
    const auto fix = [&] {
      recovered = core::run_command({bench.command({"--rollback", "--yes"}), std::chrono::minutes(2)});
      return recovered.exit_code == 0 || recovered.out.find("no restore was cut off there") != std::string::npos;
    };
    CHECK(lab::eventually(fix, 60));
    INFO(recovered.out << recovered.err);
    REQUIRE(bench.state() == before);
    CHECK(bench.kept() == kept);
  }
}

TEST_CASE("a restore that was cut off is taken back by the next, or, once k3s was started, by nobody unasked") {
  NEEDS_LAB();
  const Restored bench;
  cut_off(bench, "Put the snapshot");
  core::CommandResult next;
  CHECK(lab::eventually(
      [&] { return (next = bench.restore({"--dry-run"})).out.find("is at work there") == std::string::npos; }, 60));
  INFO(next.out << next.err);
  CHECK(step(bench::parse(next), "recover").at("verdict") == "skipped");
  next = bench.restore({"--yes"});
  INFO(next.out << next.err);
  CHECK(next.exit_code == 0);
  check_restored(bench::parse(next));
  CHECK(step(bench::parse(next), "recover").at("verdict") == "pass");
  CHECK(bench.kept() == "0");

  cut_off(bench, "Wait until the API");
  const auto end_it = [&](std::vector<std::string> more) {
    more.insert(more.begin(), "--json");
    return core::run_command({bench.command(more), std::chrono::minutes(2)});
  };
  CHECK(lab::eventually(
      [&] { return (next = bench.restore({"--yes"})).out.find("is at work there") == std::string::npos; }, 60));
  INFO(next.out << next.err);
  CHECK(next.exit_code == 3);
  CHECK_THAT(step(bench::parse(next), "node").dump(), Catch::Contains("--finish") && Catch::Contains("--rollback"));
  const std::string inode = bench.node.run("stat -c %i " + kServer + "/db/state.db");
  for (const std::string option : {"--rollback", "--finish"}) {
    CHECK(end_it({option}).exit_code == 2);
    const core::CommandResult dry = end_it({option, "--dry-run"});
    INFO(dry.out << dry.err);
    CHECK(dry.exit_code == 0);
    CHECK(bench::parse(dry).at("steps").back().at("verdict") == "skipped");
    CHECK_FALSE(bench::parse(dry).at("rolled_back").get<bool>());
  }
  CHECK(bench.node.run("stat -c %i " + kServer + "/db/state.db") == inode);
  const core::CommandResult stands = end_it({"--finish", "--yes"});
  INFO(stands.out << stands.err);
  CHECK(stands.exit_code == 0);
  CHECK(bench.node.run("ls " + bench::parse(stands).at("kept_aside").get<std::string>()).find("state.db") !=
        std::string::npos);
  CHECK(bench.left_on_node().empty());
  CHECK(bench.node.run("stat -c %i " + kServer + "/db/state.db; systemctl is-active k3s") == inode + "\nactive");
}

TEST_CASE("a node that is out of reach for too long is put back once it can be reached") {
  NEEDS_LAB();
  const Restored bench;
  std::ofstream(bench.config, std::ios::app) << "    idle_timeout: 5s\n";
  bench.node.run("systemctl stop k3s");
  const std::string before = bench.state();
  core::Child drill(bench.command({"edge/latest", "--yes"}));
  std::string text = read_until(drill, "Wait until the API");
  bench.node.run("pkill -x sshd");
  text += read_until(drill, "that is tried for");
  bench.node.run("/usr/sbin/sshd");
  CHECK(wait_for_end(drill, text) == 3);
  CHECK_THAT(text, Catch::Contains("rolled back: the node is as it was before"));
  CHECK(bench.state() == before);
  CHECK(bench.left_on_node().empty());
}

TEST_CASE("Ctrl-C rolls back, and a cluster that ran runs again on the same database") {
  NEEDS_LAB();
  const Restored bench;
  const std::string database = bench.node.run("stat -c %i " + kServer + "/db/state.db");
  core::Child drill(bench.command({"edge/latest", "--yes"}));
  std::string text = read_until(drill, "Wait until the API");
  ::kill(drill.pid(), SIGINT);
  CHECK(wait_for_end(drill, text) == 130);
  CHECK_THAT(text, Catch::Contains("rolled back: the node is as it was before"));
  CHECK(bench.node.run("stat -c %i " + kServer + "/db/state.db") == database);
  CHECK(bench.node.run("systemctl is-active k3s") == "active");
  CHECK(bench.node.run("ls -d " + kServer + "/db/before-restore-* 2>/dev/null || true").empty());
  CHECK(bench.left_on_node().empty());
}

TEST_CASE("under OpenRC, with commands of the config, and with the name typed in a terminal") {
  NEEDS_LAB();
  const Restored bench;
  bench.node.run(
      "mkdir -p /usr/local/lib; mv /usr/local/bin/systemctl /usr/local/lib/service; touch /etc/init.d/k3s\n"
      "printf '#!/bin/sh\\nexit 1\\n' >/usr/local/bin/systemctl; chmod 755 /usr/local/bin/systemctl\n"
      "printf '#!/bin/sh\\n[ $2 != status ] || set -- k3s is-active\\nexec /usr/local/lib/service $2 k3s\\n' "
      ">/usr/local/sbin/rc-service; chmod 755 /usr/local/sbin/rc-service");
  const core::CommandResult openrc = bench.restore({"--yes", "--no-bump-revision"});
  INFO(openrc.out << openrc.err);
  REQUIRE(openrc.exit_code == 0);
  check_restored(bench::parse(openrc));
  CHECK(bench::parse(openrc).at("revision").at("bumped").is_null());
  CHECK_THAT(step(bench::parse(openrc), "stop").dump(), Catch::Contains("rc-service k3s stop"));

  bench.node.run("rm /usr/local/sbin/rc-service");
  const core::CommandResult none = bench.restore({"--yes"});
  CHECK(none.exit_code == 3);
  CHECK_THAT(step(bench::parse(none), "node").dump(), Catch::Contains("stop_command"));

  std::ofstream(bench.config, std::ios::app) << "    stop_command: /usr/local/lib/service stop k3s\n"
                                                "    start_command: /usr/local/lib/service start k3s\n";
  std::string line;
  for (const std::string& word : bench.command({"edge/latest", "--quiet"})) line += word + " ";
  for (const auto& [typed, code] : {std::pair("edgy\n", 2), std::pair("edge\n", 0)}) {
    core::Child terminal({"script", "-qec", line, "/dev/null"});
    std::string text = read_until(terminal, "type edge to go on:");
    core::write_all(terminal.stdin_fd(), typed, "terminal");
    CHECK(wait_for_end(terminal, text) == code);
    CHECK_THAT(text, code == 0 ? Catch::Contains("restored") : Catch::Contains("nothing was changed"));
  }
}

TEST_CASE("an older k3s and a full disk are refused, and a corrupted database is replaced") {
  NEEDS_LAB();
  const Restored bench;
  bench.node.run(
      "printf '#!/bin/sh\\necho k3s version v1.30.0+k3s1\\n' >/usr/local/sbin/k3s; chmod 755 /usr/local/sbin/k3s");
  const core::CommandResult older = bench.restore({"--yes"});
  CHECK(older.exit_code == 3);
  CHECK_THAT(step(bench::parse(older), "node").dump(), Catch::Contains("older than the"));
  bench.node.run("rm /usr/local/sbin/k3s; mount -o remount,size=100m /var/lib/rancher");
  const core::CommandResult full = bench.restore({"--yes"});
  CHECK(full.exit_code == 3);
  CHECK_THAT(step(bench::parse(full), "node").dump(), Catch::Contains("MiB free"));
  CHECK(bench.left_on_node().empty());
  bench.node.run(
      "mount -o remount,size=1g /var/lib/rancher; systemctl stop k3s\n"
      "dd if=/dev/urandom of=" +
      kServer + "/db/state.db bs=4096 count=200 conv=notrunc 2>/dev/null");
  const core::CommandResult result = bench.restore({"--yes"});
  INFO(result.out << result.err);
  REQUIRE(result.exit_code == 0);
  check_restored(bench::parse(result));
}

TEST_CASE("a k3s that cannot open its database, and would not end, is stopped, and a restore onto it rolled back") {
  NEEDS_LAB();
  const Restored bench;
  const std::string unit = "/etc/systemd/system/k3s.service";
  bench.node.run("systemctl stop k3s; head -c 100000 /dev/urandom >" + kServer + "/db/state.db\n" + "rm -f " + kServer +
                 "/db/state.db-*; systemctl start k3s");
  const auto fails_to_open = [&] {
    return bench.node.run("grep -c 'Failed to ping.*is not a database' /var/log/k3s.log || true") != "0";
  };
  REQUIRE(lab::eventually(fails_to_open));
  const std::string inode = bench.node.run("stat -c %i " + kServer + "/db/state.db");

  bench.node.run("cat >/usr/local/sbin/rotting-k3s <<'END'\n#!/bin/sh\nhead -c 100000 /dev/urandom >" + kServer +
                 "/db/state.db\nexec /usr/local/bin/k3s \"$@\"\nEND\nchmod 755 /usr/local/sbin/rotting-k3s\n" + "cp " +
                 unit + " /tmp/unit; sed -i s:/usr/local/bin/k3s:/usr/local/sbin/rotting-k3s: " + unit);
  const core::CommandResult rolled_back = bench.restore({"--yes"});
  INFO(rolled_back.out << rolled_back.err);
  CHECK(rolled_back.exit_code == 1);
  const json document = bench::parse(rolled_back);
  CHECK(step(document, "ready").at("verdict") == "fail");
  CHECK_THAT(step(document, "ready").dump(), Catch::Contains("k3s cannot open the database that was placed") &&
                                                 Catch::Contains("file is not a database"));
  CHECK(step(document, "ready").at("duration_seconds") < 30);
  CHECK(step(document, "stop").at("duration_seconds") < 30);
  CHECK(step(document, "rollback").at("duration_seconds") < 30);
  CHECK(document.at("rolled_back") == true);
  CHECK(bench.node.run("stat -c %i " + kServer + "/db/state.db; systemctl is-active k3s") == inode + "\nactive");
  CHECK(bench.left_on_node().empty());

  bench.node.run("cp /tmp/unit " + unit);
  const core::CommandResult restored = bench.restore({"--yes"});
  INFO(restored.out << restored.err);
  REQUIRE(restored.exit_code == 0);
  check_restored(bench::parse(restored));
}
