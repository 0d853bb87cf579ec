// The steps of a restore, and a look at its node, on a real node over a real sshd.
#include "restorer/node.hpp"

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/process.hpp"
#include "tests/catch.hpp"
#include "tests/restorer/bench.hpp"

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
  CHECK(bench.node.run("ls -A " + kServer + "/db") == "before-restore-" + bench.facts.timestamp + "\nstate.db");
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
  CHECK_THROWS_WITH(second.recover(), Catch::Contains("is at work here") && Catch::Contains("kill "));
  CHECK_THROWS_WITH(second.accept(), Catch::Contains("is at work here"));
  CHECK_THAT(bench.node.run("sh " + bench.facts.rollback_file().string() + " || true"),
             Catch::Contains("refused a drill restore is at work here"));
  CHECK(bench.files() == replaced);
  CHECK(first.roll_back(bench.facts).kept == kServer + "/db/rolled-back-" + bench.facts.timestamp);
  CHECK(bench.files() == before);
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

  bench.facts.timestamp = "20261124T031501Z-3f9b";
  bench.facts.settings.start_command = "sleep 600";
  bench.facts.settings.start_timeout = std::chrono::seconds(2);
  CHECK_THROWS_WITH(bench.replace(there), Catch::Contains("does not start") && Catch::Contains("after 2 seconds"));
  there.roll_back(bench.facts);
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
  const restorer::RollbackResult done = there.roll_back(bench.facts);
  CHECK(done.kept == kServer + "/db/rolled-back-" + bench.facts.timestamp);
  CHECK(bench.node.run("ls -A " + kServer + "/db; cat " + done.kept + "/*/state.db") ==
        "rolled-back-" + bench.facts.timestamp + "\nanother database");
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

TEST_CASE("a rollback leaves alone what another restore has begun, and one that has come to its end") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  bench.replace(there);
  restorer::ScriptFacts other = bench.facts;
  other.timestamp = "20261124T031501Z";
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
    CHECK(seen.unfinished == "edge/20261123T231700Z of 20261124T031500Z-3f9a");
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
  REQUIRE(state.configured_token);
  CHECK(state.configured_token->sha256 == expected.configured_token.value().sha256);
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

TEST_CASE("a look tells the processes that have the database open, and the CA") {
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
  const restorer::NodeState state = there.look();
  CHECK(state.ca_sha256 == bench.node.run("printf 'ca\\n' | sha256sum | cut -c 1-64"));
  CHECK(state.token_ca == std::string(63, '0') + "7");
  CHECK(state.token_sha256 ==
        bench.node.run("sed 's/.*::server://' " + kServer + "/token | tr -d '\\n' | sha256sum | cut -c 1-64"));
  CHECK(state.database_size_bytes > 4);
}

TEST_CASE("a look tells the one token that k3s would take, whatever else its files mention") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  const auto token = [&](const std::string& script) {
    bench.node.run(script);
    const restorer::NodeState state = there.look();
    return state.configured_token ? state.configured_token->file + " " + state.configured_token->sha256 : "none";
  };
  const auto hash = [&](const std::string& text) {
    return bench.node.run("printf " + text + " | sha256sum | cut -c 1-64");
  };
  const std::string environment = "/etc/systemd/system/k3s.service.env";
  const std::string unit = "/etc/systemd/system/k3s.service";
  const std::string config = "/etc/rancher/k3s/config.yaml";
  bench.node.run("mkdir -p /etc/systemd/system /etc/rancher/k3s/config.yaml.d");
  CHECK(token("printf 'K3S_TOKEN=old\\nK3S_TOKEN=\"K10%064d::server:one\"\\n' 7 >" + environment) ==
        environment + " " + hash("one"));
  CHECK(token("printf '[Service]\\nEnvironmentFile=-/etc/systemd/system/%%N.service.env\\nExecStart=/usr/local/bin/k3s "
              "server\\n#ExecStart=/usr/local/bin/k3s server --token old\\n' >" +
              unit) == environment + " " + hash("one"));
  CHECK(token("printf 'token: old\\n' >" + config + "; printf '\"token\": three\\n' >" + config + ".d/t.yaml") ==
        config + ".d/t.yaml " + hash("three"));
  CHECK(token("printf '[Service]\\nExecStart=\\nExecStart=/usr/local/bin/k3s \\\\\\n  server \\\\\\n\\t--token "
              "\\\\\\n\\tfour \\\\\\n' >" +
              unit) == unit + " " + hash("four"));
  CHECK(token("printf 'token-file: /run/token  # there\\n' >>" + config + "; printf 'two\\n' >/run/token") ==
        "/run/token " + hash("two"));
  bench.node.run("rm /run/token");
  CHECK(there.look().missing_token_file == "/run/token, as " + config + " says");
  CHECK(token("echo 'token-file: /var/lib/rancher/k3s/server/token' >" + config) == "none");
}

TEST_CASE("a look tells where k3s is told to have its data and to write its kubeconfig, when that is elsewhere") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  bench.node.run("echo 'data-dir: /var/lib/rancher/k3s/' >>/etc/rancher/k3s/config.yaml");
  restorer::Node there(bench.facts.settings);
  CHECK(there.look().other_data_dir.empty());
  CHECK(there.look().other_kubeconfig.empty());
  bench.node.run("ln -s /var/lib/rancher /srv/k3s; echo 'data-dir: /srv/k3s/k3s' >>/etc/rancher/k3s/config.yaml");
  CHECK(there.look().other_data_dir.empty());
  bench.node.run(
      "mkdir -p /etc/systemd/system; echo 'K3S_KUBECONFIG_OUTPUT=/root/kube' >/etc/systemd/system/k3s.service.env\n"
      "printf '[Service]\\nEnvironmentFile=-/etc/systemd/system/k3s.service.env\\n"
      "ExecStart=/usr/local/bin/k3s server -d /mnt/k3s\\n' >/etc/systemd/system/k3s.service");
  CHECK(there.look().other_data_dir == "/mnt/k3s, as /etc/systemd/system/k3s.service says");
  CHECK(there.look().other_kubeconfig == "/root/kube, as /etc/systemd/system/k3s.service.env says");
}

TEST_CASE("secrets-encryption is on where it is set to true, and nowhere else") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  restorer::Node there(bench.facts.settings);
  const auto is_on = [&](const std::string& config) {
    bench.node.run("cat >/etc/rancher/k3s/config.yaml <<'END'\n" + config + "\nEND");
    return there.look().secrets_encryption;
  };
  for (const char* config : {"secrets-encryption: true", "\"secrets-encryption\": yes # since 2024",
                             "secrets-encryption: false\nsecrets-encryption: 'true'"}) {
    CAPTURE(config);
    CHECK(is_on(config));
  }
  for (const char* config : {"secrets-encryption: false", "node-label: [secrets-encryption=true]",
                             "secrets-encryption-provider: secretbox", "x: 1 # secrets-encryption: true"}) {
    CAPTURE(config);
    CHECK_FALSE(is_on(config));
  }
}

TEST_CASE("a state.db that is a symlink stays one, and what it leads to has the mode that it had") {
  NEEDS_LAB();
  const Bench bench;
  bench.make_server();
  bench.node.run(
      "mkdir -p /srv/db; cd " + kServer +
      "/db; for file in state.db*; do mv $file /srv/db/; done; ln -s ../../../../../../srv/db/state.db state.db; "
      "chmod 640 /srv/db/state.db; chown 7:8 /srv/db/state.db");
  const auto target = [&] { return bench.node.run("cd /srv/db; stat -c '%n %a %u:%g' *; sha256sum *"); };
  const std::string before = bench.files() + target();
  restorer::Node there(bench.facts.settings);
  restorer::ScriptFacts facts = bench.facts;
  facts.database_link = there.look().database_link;
  CHECK(std::filesystem::path(facts.database_link).lexically_normal() == "/srv/db/state.db");
  const auto replace = [&] {
    there.claim(facts);
    there.send(facts, bench.database, bench.token);
    for (const std::string& step : {restorer::stop_step(facts), restorer::aside_step(), restorer::place_step()})
      there.run(facts, step);
  };
  replace();
  CHECK(bench.node.run("stat -c '%F %A' " + kServer + "/db/state.db") == "symbolic link lrwxrwxrwx");
  CHECK(bench.node.run("stat -c '%a %u:%g' /srv/db/state.db") == "640 7:8");
  CHECK(bench.node.run("cat " + kServer + "/db/state.db") == core::read_file(bench.database));
  CHECK(bench.node.run("ls /srv/db/state.db-wal || true").empty());
  there.roll_back(facts);
  CHECK(bench.files() + target() == before);
  replace();
  there.run(facts, restorer::start_step(facts));
  there.run(facts, restorer::finish_step());
  CHECK(bench.node.run("readlink " + kServer + "/db/state.db") == "../../../../../../srv/db/state.db");
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
