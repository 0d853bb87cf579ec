// A restore and its rollback on a real node over a real sshd, cut off before each command that changes a file.
#include "core/file.hpp"
#include "core/process.hpp"
#include "tests/catch.hpp"
#include "tests/restorer/bench.hpp"

namespace {

// A power cut before each command that changes a file, and k3s started by itself before anything is recovered.
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
        there.recover();
      else
        bench.replace(there);
    });
    bench.kill_before(0);
    INFO((during_rollback ? "rollback, command " : "restore, command ") << kills + 1);
    bench.node.run(
        "mkdir -p " + kServer + "/db; " + sqlite +
        "'PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS boots(n); INSERT INTO boots VALUES(7)' >/dev/null");
    bench.recover();
    REQUIRE(bench.node.run(sum) == expected);
    // What it had started on is there still: the database of before, or what was kept.
    CHECK(bench.node.run("for file in " + kServer + "/db/state.db " + kServer +
                         "/db/rolled-back-*/*/state.db; do [ ! -f $file ] || sqlite3 $file 'SELECT n FROM boots' "
                         "2>/dev/null || true; done | sort -u") == "7");
  }
  CHECK(kills > 15);
}

}  // namespace

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
    bench.recover();
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
    killed = !bench.try_to([&](restorer::Node& there) { there.recover(); });
    bench.kill_before(0);
    bench.recover();
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
  CHECK_THROWS_WITH(next.accept(), Catch::Contains("not in its place"));
  next.recover();

  REQUIRE(bench.try_to([&](restorer::Node& there) { bench.replace(there); }));
  REQUIRE(lab::eventually([&] { return next.look().owner.empty(); }));
  CHECK(next.look().stage == restorer::Stage::started);
  CHECK(next.accept() == bench.facts.aside());
  CHECK_FALSE(next.look().unfinished);
  CHECK(bench.node.run("cat " + kServer + "/db/state.db; ls -A " + kServer + "/db") ==
        "another databasebefore-restore-" + bench.facts.timestamp + "\nstate.db");
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
  there.recover();
  CHECK(bench.files() == before);
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
  CHECK(there.recover().stands == bench.facts.aside());
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
  CHECK_THROWS_WITH(next.accept(), Catch::Contains("not in its place"));
  CHECK(next.recover().kept == kServer + "/db/rolled-back-" + bench.facts.timestamp);
  CHECK(bench.take_kept() == "empty");
  CHECK(bench.files() == before);
}
