#include "tests/restorer/bench.hpp"

#include "core/error.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"

Bench::Bench() {
  facts.settings.target = node.target();
  facts.settings.stop_command = facts.settings.start_command = "true";
  facts.manager = restorer::Manager::commands;
  facts.server = restorer::Server::present;
  facts.snapshot = "edge/20261123T231700Z";
  facts.timestamp = "20261124T031500Z-3f9a";
  core::write_new_file(database, "another database");
  core::write_new_file(token, "another token\n");
}

void Bench::make_server() const {
  node.make_database(20, 500);
  node.run("cd " + kServer +
           "; mkdir -m 700 tls cred; echo ca >tls/server-ca.crt; echo key >cred/passwd; ln -s token node-token\n"
           "echo wal >db/state.db-wal; chown 1000:1000 db/state.db; chmod 640 db/state.db\n"
           "echo admin >/etc/rancher/k3s/k3s.yaml; chmod 644 /etc/rancher/k3s/k3s.yaml");
}

std::string Bench::files() const {
  return node.run(
      "PATH=/usr/bin; cd /var/lib; for d in rancher /etc/rancher; do [ -d $d ] || continue\n"
      "set -- $d '(' -name '*rolled-back-*' -prune ')' -o\n"
      "find \"$@\" ! -type d -printf '%p %y %m %U:%G %s %T@ %l\\n'; find \"$@\" -type d -printf '%p %m %U:%G\\n'\n"
      "find \"$@\" -type f -exec sha256sum {} +; done | sort");
}

std::string Bench::take_kept() const {
  return node.run("PATH=/usr/bin; cd " + kServer +
                  "/db; cat rolled-back-*/*/state.db 2>/dev/null || true; rm -rf rolled-back-*");
}

void Bench::replace(restorer::Node& there) const {
  there.claim(facts);
  there.send(facts, database, token);
  there.run(facts, stop_step(facts));
  there.run(facts, restorer::aside_step());
  there.run(facts, restorer::place_step());
  there.run(facts, start_step(facts));
}

bool Bench::try_to(const std::function<void(restorer::Node&)>& work) const {
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

void Bench::recover() const {
  restorer::Node there(facts.settings);
  REQUIRE(lab::eventually([&] { return there.look().owner.empty(); }));
  there.recover();
}

std::string Bench::mend_in_words() const {
  try {
    restorer::Node(facts.settings).recover();
    return "done";
  } catch (const core::Error& error) {
    return error.what();
  }
}

void Bench::kill_before(int number) const {
  node.run("echo 0 >/tmp/count; echo " + std::to_string(number) + " >/tmp/kill_at");
  if (number != 1) return;
  node.run(
      "for name in mv rm ln mkdir rmdir chmod chown cp head; do\n"
      "cat >/usr/local/sbin/$name <<END\n#!/bin/sh\n"
      "n=\\$((\\$(cat /tmp/count) + 1)); echo \\$n >/tmp/count\n"
      "if [ \\$n = \\$(cat /tmp/kill_at) ]; then kill -9 \\$PPID; exit 1; fi\n"
      "exec /usr/bin/$name \"\\$@\"\nEND\n"
      "/usr/bin/chmod 755 /usr/local/sbin/$name; done");
}
