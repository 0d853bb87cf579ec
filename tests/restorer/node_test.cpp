// The steps of a restore on a real node over a real sshd, cut off before each command that changes a file.
#include "restorer/node.hpp"

#include <optional>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/process.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

namespace {

const std::string kServer = "/var/lib/rancher/k3s/server";

// A node with what a stopped server leaves, and a snapshot to be put there. Its k3s is started and stopped by commands
// that do nothing: here it is all about files.
struct Bench {
  lab::Node node;
  core::ScratchDir scratch;
  std::filesystem::path database = scratch.path() / "state.db";
  std::filesystem::path token = scratch.path() / "token";
  restorer::ScriptFacts facts;

  Bench() {
    facts.settings.target = node.target();
    facts.settings.stop_command = facts.settings.start_command = "true";
    facts.manager = restorer::Manager::commands;
    facts.server = restorer::Server::present;
    facts.snapshot = "edge/20261123T231700Z";
    facts.moment = "20261124T031500Z-3f9a";
    core::write_new_file(database, "another database");
    core::write_new_file(token, "another token\n");
  }

  void make_server() const {
    node.make_database(20, 500);
    node.run("cd " + kServer +
             "; mkdir -m 700 tls cred; echo ca >tls/server-ca.crt; echo key >cred/passwd; ln -s token node-token\n"
             "echo wal >db/state.db-wal; chown 1000:1000 db/state.db; chmod 640 db/state.db\n"
             "echo admin >/etc/rancher/k3s/k3s.yaml; chmod 644 /etc/rancher/k3s/k3s.yaml");
  }

  // Every file with all that can be said of it, and its content; without what a rollback has kept.
  std::string files() const {
    return node.run(
        "PATH=/usr/bin; cd /var/lib; for d in rancher /etc/rancher; do [ -d $d ] || continue\n"
        "set -- $d '(' -name '*rolled-back-*' -prune ')' -o\n"
        "find \"$@\" ! -type d -printf '%p %y %m %U:%G %s %T@ %l\\n'; find \"$@\" -type d -printf '%p %m %U:%G\\n'\n"
        "find \"$@\" -type f -exec sha256sum {} +; done | sort");
  }

  // What k3s had been started on, and a rollback has kept, is taken away; its content.
  std::string take_kept() const {
    return node.run("PATH=/usr/bin; cd " + kServer +
                    "/db; cat rolled-back-*/*/state.db 2>/dev/null || true; rm -rf rolled-back-*");
  }

  void replace(restorer::Node& there) const {
    there.claim(facts);
    there.send(facts, database, token);
    there.run(facts, stop_step(facts));
    there.run(facts, restorer::aside_step());
    there.run(facts, restorer::place_step());
    there.run(facts, start_step(facts));
  }

  // False when the node cut it off.
  bool try_to(const std::function<void(restorer::Node&)>& work) const {
    try {
      restorer::Node there(facts.settings);
      work(there);
      return true;
    } catch (const core::Error& error) {
      INFO(error.what());
      CHECK(error.kind() == core::ErrorKind::unreachable);
      return false;
    }
  }

  // As the next drill does it.
  void mend() const {
    restorer::Node there(facts.settings);
    REQUIRE(lab::eventually([&] { return there.look().owner.empty(); }));
    there.mend();
  }

  std::string mend_in_words() const {
    try {
      restorer::Node(facts.settings).mend();
      return "done";
    } catch (const core::Error& error) {
      return error.what();
    }
  }

  // From here on every command that changes a file counts, and the one of this number, from 1, kills its shell instead.
  // 0: none does.
  void kill_before(int number) const {
    node.run("echo 0 >/tmp/count; echo " + std::to_string(number) + " >/tmp/kill_at");
    if (number != 1) return;
    node.run(
        "for name in mv rm ln mkdir rmdir chmod chown cp sync head; do\n"
        "cat >/usr/local/sbin/$name <<END\n#!/bin/sh\n"
        "n=\\$((\\$(cat /tmp/count) + 1)); echo \\$n >/tmp/count\n"
        "if [ \\$n = \\$(cat /tmp/kill_at) ]; then kill -9 \\$PPID; exit 1; fi\n"
        "exec /usr/bin/$name \"\\$@\"\nEND\n"
        "/usr/bin/chmod 755 /usr/local/sbin/$name; done");
  }
};

// A power cut before each command that changes a file, and k3s started by itself before anything is mended.
void cut_the_power(bool during_rollback) {
  const Bench bench;
  bench.make_server();
  // Rows that are only in the WAL, which must neither be lost nor come upon another database.
  const std::string sqlite = "sqlite3 -batch " + kServer + "/db/state.db ";
  bench.node.run("rm " + kServer + "/db/state.db-wal; " + sqlite +
                 "'.dbconfig no_ckpt_on_close on' \"INSERT INTO kine(name) VALUES('only in the WAL')\" >/dev/null");
  REQUIRE(bench.node.run("stat -c %s " + kServer + "/db/state.db-wal") != "0");
  std::filesystem::remove(bench.database);
  const core::CommandResult made =
      core::run_command({{"sqlite3", bench.database.string(),
                          "PRAGMA journal_mode=WAL; CREATE TABLE kine(name); INSERT INTO kine VALUES('restored')"}});
  REQUIRE(made.exit_code == 0);
  const std::string sum = sqlite + "'PRAGMA integrity_check; SELECT count(*), sum(length(value)), max(name) FROM kine'";
  const auto copy = [&](const std::string& from, const std::string& to) {
    bench.node.run("PATH=/usr/bin; rm -rf " + to + "; cp -a " + from + " " + to);
  };
  copy("/var/lib/rancher/k3s", "/root/k3s");
  const std::string expected = bench.node.run(sum);
  CHECK_THAT(expected, Catch::StartsWith("ok\n21|") && Catch::EndsWith("|only in the WAL"));
  int kills = 0;
  for (bool killed = true; killed; ++kills) {
    copy("/root/k3s", "/var/lib/rancher/k3s");
    if (during_rollback) REQUIRE(bench.try_to([&](restorer::Node& there) { bench.replace(there); }));
    bench.kill_before(kills + 1);
    killed = !bench.try_to([&](restorer::Node& there) {
      if (during_rollback)
        there.mend();
      else
        bench.replace(there);
    });
    bench.kill_before(0);
    INFO((during_rollback ? "rollback, command " : "restore, command ") << kills + 1);
    bench.node.run(
        "mkdir -p " + kServer + "/db; " + sqlite +
        "'PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS boots(n); INSERT INTO boots VALUES(7)' >/dev/null");
    bench.mend();
    REQUIRE(bench.node.run(sum) == expected);
    // What it had started on is there still: the database of before, or what was kept.
    CHECK(bench.node.run("for file in " + kServer + "/db/state.db " + kServer +
                         "/db/rolled-back-*/*/state.db; do [ ! -f $file ] || sqlite3 $file 'SELECT n FROM boots' "
                         "2>/dev/null || true; done | sort -u") == "7");
  }
  CHECK(kills > 15);
}

}  // namespace

TEST_CASE("what is there is moved aside together, and the snapshot takes its owner and mode") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  bench.replace(there);
  const std::string aside = bench.facts.aside();
  CHECK(bench.node.run("ls " + aside) == "cred\nkubeconfig\nnode-token\nstate.db\nstate.db-wal\ntls\ntoken");
  CHECK(bench.node.run("cat " + kServer + "/db/state.db; echo; cat " + kServer + "/token") ==
        "another database\nanother token");
  CHECK(bench.node.run("stat -c '%u:%g %a' " + kServer + "/db/state.db " + kServer + "/token " + aside) ==
        "1000:1000 640\n0:0 600\n0:0 700");
  CHECK(bench.node.run("ls -A " + kServer + " " + kServer + "/db | grep -c 'wal\\|tls\\|cred' || true") == "0");
  there.run(bench.facts, restorer::finish_step());
  CHECK(bench.node.run("ls -A " + kServer + "/db") == "before-restore-" + bench.facts.moment + "\nstate.db");
}

TEST_CASE("wherever a restore is cut off on the node, the next drill puts every file back as it was") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  int kills = 0;
  for (bool killed = true; killed; ++kills) {
    bench.kill_before(kills + 1);
    killed = !bench.try_to([&](restorer::Node& there) { bench.replace(there); });
    bench.kill_before(0);
    bench.mend();
    INFO("command " << kills + 1);
    REQUIRE(bench.files() == before);
    const std::string kept = bench.take_kept();
    CHECK((kept == "another database" || (killed && kept.empty())));
  }
  CHECK(kills > 20);
}

TEST_CASE("a rollback that is cut off anywhere goes on when it is run again") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  int kills = 0;
  for (bool killed = true; killed; ++kills) {
    REQUIRE(bench.try_to([&](restorer::Node& there) { bench.replace(there); }));
    bench.kill_before(kills + 1);
    killed = !bench.try_to([&](restorer::Node& there) { there.mend(); });
    bench.kill_before(0);
    bench.mend();
    INFO("command " << kills + 1);
    REQUIRE(bench.files() == before);
    CHECK_THAT(bench.take_kept(), Catch::StartsWith("another database"));
  }
  CHECK(kills > 15);
}

TEST_CASE("wherever the power goes in a restore and k3s starts by itself, the database of before is whole") {
  NEEDS_LAB();
  cut_the_power(false);
}

TEST_CASE("wherever the power goes in a rollback and k3s starts by itself, the database of before is whole") {
  NEEDS_LAB();
  cut_the_power(true);
}

TEST_CASE("of two rollbacks at once one waits for the other, and nothing is lost") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  REQUIRE(bench.try_to([&](restorer::Node& there) { bench.replace(there); }));
  // The first stops in its midst until the second is there, too.
  bench.node.run(
      "mkdir -p /usr/local/sbin; printf '#!/bin/sh\nwhile [ ! -e /tmp/go ]; do sleep 0.1; done\nexec /usr/bin/rmdir "
      "\"$@\"\n' "
      ">/usr/local/sbin/rmdir; chmod 755 /usr/local/sbin/rmdir");
  REQUIRE(lab::eventually([&] { return restorer::Node(bench.facts.settings).look().owner.empty(); }));
  lab::Fork first([&] { return bench.mend_in_words(); });
  REQUIRE(lab::eventually([&] { return bench.node.run("pgrep -xc rmdir || true") == "1"; }));
  lab::Fork second([&] { return bench.mend_in_words(); });
  REQUIRE(lab::eventually([&] { return bench.node.run("pgrep -xc sudo || true") == "2"; }));
  bench.node.run("touch /tmp/go");
  CHECK(first.result() == "done");
  CHECK(second.result() == "done");
  CHECK(bench.files() == before);
}

TEST_CASE("nobody but its own drill takes back a restore that is at work") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  restorer::Node first(bench.facts.settings);
  bench.replace(first);
  const std::string replaced = bench.files();
  restorer::Node second(bench.facts.settings);
  CHECK_THROWS_WITH(second.mend(), Catch::Contains("is at work here") && Catch::Contains("kill "));
  CHECK_THROWS_WITH(second.let_stand(), Catch::Contains("is at work here"));
  CHECK_THAT(bench.node.run("sh " + bench.facts.rollback_file().string() + " || true"),
             Catch::Contains("refused a drill restore is at work here"));
  CHECK(bench.files() == replaced);
  CHECK(first.roll_back(bench.facts).kept == kServer + "/db/rolled-back-" + bench.facts.moment);
  CHECK(bench.files() == before);
}

TEST_CASE("a restore that was cut off after k3s was started can be let stand, and one before that cannot") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  REQUIRE(bench.try_to([&](restorer::Node& there) {
    there.claim(bench.facts);
    there.send(bench.facts, bench.database, bench.token);
    there.run(bench.facts, stop_step(bench.facts));
  }));
  restorer::Node next(bench.facts.settings);
  REQUIRE(lab::eventually([&] { return next.look().owner.empty(); }));
  CHECK(next.look().stage == restorer::Stage::changed);
  CHECK_THROWS_WITH(next.let_stand(), Catch::Contains("not in its place"));
  next.mend();

  REQUIRE(bench.try_to([&](restorer::Node& there) { bench.replace(there); }));
  REQUIRE(lab::eventually([&] { return next.look().owner.empty(); }));
  CHECK(next.look().stage == restorer::Stage::started);
  CHECK(next.let_stand() == bench.facts.aside());
  CHECK_FALSE(next.look().unfinished);
  CHECK(bench.node.run("cat " + kServer + "/db/state.db; ls -A " + kServer + "/db") ==
        "another databasebefore-restore-" + bench.facts.moment + "\nstate.db");
}

TEST_CASE("a stop command that fails is no failure when nothing runs, and a start command must come back") {
  NEEDS_LAB();
  Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  bench.facts.settings.stop_command = "false";
  restorer::Node there(bench.facts.settings);
  bench.replace(there);
  there.roll_back(bench.facts);
  CHECK(bench.files() == before);

  bench.facts.moment = "20261124T031501Z-3f9b";
  bench.facts.settings.start_command = "sleep 600";
  bench.facts.settings.start_timeout = std::chrono::seconds(2);
  CHECK_THROWS_WITH(bench.replace(there), Catch::Contains("does not start") && Catch::Contains("after 2 seconds"));
  there.roll_back(bench.facts);
  CHECK(bench.files() == before);
}

TEST_CASE("a rollback that was written in part stands in nobody's way") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  bench.node.run("mkdir -m 700 " + bench.facts.work().string() + "; : >" + bench.facts.rollback_file().string() +
                 "; echo 1 1 >" + (bench.facts.work() / "owner").string());
  restorer::Node there(bench.facts.settings);
  CHECK(there.look().stage == restorer::Stage::claimed);
  there.mend();
  CHECK(bench.files() == before);
}

TEST_CASE("a node that had no server has none after a rollback") {
  NEEDS_LAB();
  Bench bench;
  bench.facts.server = restorer::Server::absent;
  restorer::Node there(bench.facts.settings);
  CHECK(there.look().server == restorer::Server::absent);
  const std::string before = bench.files();
  bench.replace(there);
  CHECK(bench.node.run("stat -c '%u:%g %a' " + kServer + "/db/state.db") == "0:0 600");
  const restorer::RollBack done = there.roll_back(bench.facts);
  CHECK(done.kept == kServer + "/db/rolled-back-" + bench.facts.moment);
  CHECK(bench.node.run("ls -A " + kServer + "/db; cat " + done.kept + "/*/state.db") ==
        "rolled-back-" + bench.facts.moment + "\nanother database");
  bench.node.run("rm -rf " + done.kept + "; cd /var/lib/rancher; rmdir k3s/server/db k3s/server k3s");
  CHECK(bench.files() == before);

  there.claim(bench.facts);
  there.roll_back(bench.facts);
  CHECK(bench.files() == before);
}

TEST_CASE("a server that somebody starts on a bare node in the midst of a restore is not taken away") {
  NEEDS_LAB();
  Bench bench;
  bench.facts.server = restorer::Server::absent;
  restorer::Node there(bench.facts.settings);
  there.claim(bench.facts);
  bench.make_server();
  const std::string files = bench.node.run("cd " + kServer + "; sha256sum db/state.db token tls/*");
  there.roll_back(bench.facts);
  CHECK(bench.node.run("cd " + kServer + "; sha256sum db/state.db token tls/*") == files);

  bench.replace(there);
  there.roll_back(bench.facts);
  CHECK(bench.node.run("cd " + kServer + "; sha256sum db/state.db token tls/*") == files);
}

TEST_CASE("somebody who has the database open keeps a restore from beginning, and not its rollback from starting k3s") {
  NEEDS_LAB();
  Bench bench;
  bench.make_server();
  bench.facts.settings.stop_timeout = std::chrono::seconds(1);
  bench.facts.settings.start_command = "echo $(umask) $(grep SigIgn /proc/self/status | cut -f 2) >/tmp/started";
  bench.facts.service = restorer::Service::running;
  restorer::Node there(bench.facts.settings);
  const lab::Writer writer(bench.node);
  there.claim(bench.facts);
  CHECK_THROWS_WITH(there.run(bench.facts, stop_step(bench.facts)), Catch::Contains("still open in process"));
  CHECK(there.roll_back(bench.facts).service == restorer::Service::running);
  CHECK(there.look().service == restorer::Service::running);
  // With a usual mask, and neither SIGHUP (1) nor SIGPIPE (1000) ignored.
  CHECK_THAT(bench.node.run("cat /tmp/started"),
             Catch::Matches("0022 [0-9a-f]*[0-9a-f][02468ace][0-9a-f][0-9a-f]?[02468ace]"));
}

TEST_CASE("a database on another disk, linked to from its place, is restored and rolled back as any other") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  bench.node.run("mkdir /mnt/disk; mount -t tmpfs tmpfs /mnt/disk; mv " + kServer +
                 "/db /mnt/disk/db; ln -s /mnt/disk/db " + kServer + "/db");
  const auto all = [&] {
    return bench.files() + bench.node.run("cd /mnt/disk; find . | sort; sha256sum db/state.db*");
  };
  const std::string before = all();
  restorer::Node there(bench.facts.settings);
  {
    lab::Writer writer(bench.node);
    CHECK(there.look().service == restorer::Service::running);
  }
  CHECK(lab::eventually([&] { return there.pulse(bench.facts).holders.empty(); }));
  bench.replace(there);
  CHECK(bench.node.run("cat /mnt/disk/db/state.db") == "another database");
  there.roll_back(bench.facts);
  bench.node.run("rm -rf /mnt/disk/db/rolled-back-*");
  CHECK(all() == before);
}

TEST_CASE("a finish that was cut off stands, and nobody says that it was rolled back") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  REQUIRE(bench.try_to([&](restorer::Node& cut) { bench.replace(cut); }));
  bench.node.run("rm " + bench.facts.rollback_file().string());
  REQUIRE(lab::eventually([&] { return there.look().owner.empty(); }));
  CHECK(there.look().stage == restorer::Stage::claimed);
  CHECK(there.mend().stands == bench.facts.aside());
  CHECK_FALSE(there.look().unfinished);
  CHECK(bench.node.run("cat " + kServer + "/db/state.db") == "another database");
}

TEST_CASE("what k3s began on nothing, after a power cut, is no restore that could stand") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  const std::string before = bench.files();
  REQUIRE(bench.try_to([&](restorer::Node& there) {
    there.claim(bench.facts);
    there.send(bench.facts, bench.database, bench.token);
    there.run(bench.facts, stop_step(bench.facts));
    there.run(bench.facts, restorer::aside_step());
  }));
  bench.node.run("cd " + kServer + "; echo empty >db/state.db; echo new >token");
  restorer::Node next(bench.facts.settings);
  REQUIRE(lab::eventually([&] { return next.look().owner.empty(); }));
  CHECK(next.look().stage == restorer::Stage::changed);
  CHECK_THROWS_WITH(next.let_stand(), Catch::Contains("not in its place"));
  CHECK(next.mend().kept == kServer + "/db/rolled-back-" + bench.facts.moment);
  CHECK(bench.take_kept() == "empty");
  CHECK(bench.files() == before);
}

TEST_CASE("a rollback leaves alone what another restore has begun, and one that has come to its end") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  bench.replace(there);
  restorer::ScriptFacts other = bench.facts;
  other.moment = "20261124T031501Z";
  const std::string replaced = bench.files();
  there.roll_back(other);
  CHECK(bench.files() == replaced);
  there.run(bench.facts, restorer::finish_step());
  CHECK(there.roll_back(bench.facts).stands == bench.facts.aside());
  CHECK(bench.node.run("cat " + kServer + "/db/state.db") == "another database");
}

TEST_CASE("only one restore is at work on a node, and the next sees that") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node second(bench.facts.settings);
  {
    restorer::Node first(bench.facts.settings);
    first.claim(bench.facts);
    const restorer::NodeState seen = second.look();
    CHECK(seen.unfinished == "edge/20261123T231700Z of 20261124T031500Z-3f9a ");
    CHECK_FALSE(seen.owner.empty());
    CHECK_THROWS_WITH(second.claim(bench.facts), Catch::Contains("another drill restore"));
  }
  CHECK(lab::eventually([&] { return second.look().owner.empty(); }));
  CHECK(second.look().unfinished);
}

TEST_CASE("a node of busybox is looked at, restored and rolled back as any other") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  // Its cp keeps times to the second.
  bench.node.run(
      "echo 'token: three' >/etc/rancher/k3s/config.yaml\n"
      "find /var/lib/rancher /etc/rancher -exec touch -hd @1790000000 {} +");
  restorer::Node coreutils(bench.facts.settings);
  const restorer::NodeState expected = coreutils.look();
  const std::string before = bench.files();

  bench.node.install_busybox();
  restorer::Node there(bench.facts.settings);
  const restorer::NodeState state = there.look();
  CHECK(state.database_size_bytes == expected.database_size_bytes);
  CHECK(state.ca_sha256 == expected.ca_sha256);
  REQUIRE(state.configured_tokens.size() == 1);
  CHECK(state.configured_tokens[0].sha256 == expected.configured_tokens.at(0).sha256);
  {
    lab::Writer writer(bench.node);
    CHECK(there.look().service == restorer::Service::running);
  }
  CHECK(lab::eventually([&] { return there.pulse(bench.facts).holders.empty(); }));
  bench.replace(there);
  there.roll_back(bench.facts);
  CHECK(bench.files() == before);
}

TEST_CASE("a database that finds no space is never put in place, and nothing of it is left") {
  NEEDS_LAB();
  const Bench bench;
  bench.node.run("mkdir -p /var/lib/rancher; mount -t tmpfs -o size=400k tmpfs /var/lib/rancher");
  bench.make_server();
  const std::string before = bench.files();
  core::write_new_file(bench.scratch.path() / "large", std::string(1U << 20U, 'x'));
  restorer::Node there(bench.facts.settings);
  there.claim(bench.facts);
  CHECK_THROWS_WITH(there.send(bench.facts, bench.scratch.path() / "large", bench.token), Catch::Contains("no space "));
  there.roll_back(bench.facts);
  CHECK(bench.files() == before);
}

TEST_CASE("a database that arrives with another hash is never put in place") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  there.claim(bench.facts);
  bench.node.run(
      "mkdir -p /usr/local/sbin; printf '#!/bin/sh\\n/usr/bin/head \"$@\" | tr a b\\n' >/usr/local/sbin/head; "
      "chmod 755 /usr/local/sbin/head");
  CHECK_THROWS_WITH(there.send(bench.facts, bench.database, bench.token), Catch::Contains("did not arrive"));
  there.roll_back(bench.facts);
}

TEST_CASE("a look tells the processes that have the database open, the tokens set elsewhere, and the CA") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  CHECK(there.look().service == restorer::Service::stopped);
  {
    lab::Writer writer(bench.node);
    CHECK(there.look().service == restorer::Service::running);
    CHECK_FALSE(there.pulse(bench.facts).holders.empty());
  }
  CHECK(lab::eventually([&] { return there.pulse(bench.facts).holders.empty(); }));

  bench.node.run(
      "mkdir -p /etc/systemd/system /etc/rancher/k3s/config.yaml.d\n"
      "printf 'K3S_TOKEN=\"K10%064d::server:one\"\\n' 7 >/etc/systemd/system/k3s.service.env\n"
      "printf 'token-file: /run/token  # there\\n' >/etc/rancher/k3s/config.yaml; printf 'two\\n' >/run/token\n"
      "printf '\"token\": three\\n' >/etc/rancher/k3s/config.yaml.d/t.yaml\n"
      "printf 'ExecStart=/usr/local/bin/k3s \\\\\\n    server \\\\\\n\\t--token \\\\\\n\\tfour \\\\\\n' "
      ">/etc/systemd/system/k3s.service");
  const restorer::NodeState state = there.look();
  std::string tokens;
  for (const restorer::ConfiguredToken& token : state.configured_tokens)
    tokens += token.file + " " + token.sha256 + "\n";
  const auto hash = [&](const std::string& text) {
    return bench.node.run("printf " + text + " | sha256sum | cut -c 1-64");
  };
  CHECK(tokens == "/etc/systemd/system/k3s.service.env " + hash("one") + "\n/etc/rancher/k3s/config.yaml.d/t.yaml " +
                      hash("three") + "\n/etc/systemd/system/k3s.service " + hash("four") + "\n/run/token " +
                      hash("two") + "\n");
  CHECK(state.ca_sha256 == hash("'ca\\n'"));
  CHECK(state.token_ca == std::string(63, '0') + "7");
  CHECK(state.database_size_bytes > 4);
}

TEST_CASE("a look tells where k3s is told to have its data and to write its kubeconfig, when that is elsewhere") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  bench.node.run("echo 'data-dir: /var/lib/rancher/k3s/' >>/etc/rancher/k3s/config.yaml");
  restorer::Node there(bench.facts.settings);
  CHECK(there.look().other_data_dir.empty());
  CHECK(there.look().other_kubeconfig.empty());
  bench.node.run(
      "mkdir -p /etc/systemd/system; echo 'K3S_KUBECONFIG_OUTPUT=/root/kube' >/etc/systemd/system/k3s.service.env\n"
      "printf 'ExecStart=/usr/local/bin/k3s server -d /mnt/k3s\\n' >/etc/systemd/system/k3s.service");
  CHECK(there.look().other_data_dir == "/mnt/k3s, as /etc/systemd/system/k3s.service says");
  CHECK(there.look().other_kubeconfig == "/root/kube, as /etc/systemd/system/k3s.service.env says");
}

TEST_CASE("a node with embedded etcd, and an agent, are refused as for a pull") {
  NEEDS_LAB();
  const Bench bench;
  restorer::Node there(bench.facts.settings);
  bench.node.run("mkdir -p /var/lib/rancher/k3s/agent /etc/systemd/system");
  // That directory alone is also left where a server was begun and taken back.
  CHECK(there.look().server == restorer::Server::absent);
  bench.node.run("touch /etc/systemd/system/k3s-agent.service");
  CHECK_THROWS_WITH(there.look(), Catch::Contains("is an agent"));
  bench.node.run("mkdir -p " + kServer + "/db/etcd/member");
  CHECK_THROWS_WITH(there.look(), Catch::Contains("etcd"));
}
