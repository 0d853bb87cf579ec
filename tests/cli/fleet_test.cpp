// Many clusters in one config: pulled side by side, so many at once, each for itself.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <regex>
#include <stdexcept>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"
#include "tests/nas.hpp"
#include "tests/puller/relay.hpp"

namespace {

// Takes connections and says nothing.
class SilentHost {
 public:
  SilentHost() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_.get(), 16) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("the silent host cannot listen");
    port_ = ntohs(address.sin_port);
  }
  std::string lines(const std::string& cluster) const {
    return "  " + cluster + ":\n    host: 127.0.0.1\n    port: " + std::to_string(port_) +
           "\n    user: ubuntu\n    ssh_config: /dev/null\n    connect_timeout: 1s\n";
  }

 private:
  core::Fd listener_;
  int port_ = 0;
};

const std::string kDead = "  dead:\n    host: 127.0.0.1\n    port: 1\n    ssh_config: /dev/null\n";

// Snapshots and what else is in the store, locks aside.
std::vector<std::string> entries(const std::filesystem::path& store) {
  std::vector<std::string> found;
  for (const auto& cluster : std::filesystem::directory_iterator(store))
    for (const auto& entry : std::filesystem::directory_iterator(cluster.path()))
      if (entry.path().filename() != ".lock") found.push_back(entry.path());
  return found;
}

}  // namespace

TEST_CASE("a fleet is pulled side by side, and clusters that fail are named and stop no other") {
  NEEDS_LAB();
  const bench::Bare bench;
  const SilentHost silent;
  std::string more = kDead + silent.lines("silent");
  for (const char* cluster : {"zebra", "alpha", "middle", "delta"})
    more += bench::cluster_lines(cluster, bench.node.target());
  bench.configure("parallel_pulls: 3\n", more);

  const core::CommandResult pulled = bench.drill({"pull", "--json"});
  INFO(pulled.out << pulled.err);
  CHECK(pulled.exit_code == 3);
  const auto pulls = bench::parse(pulled).at("pulls");
  std::vector<std::string> order;
  for (const auto& pull : pulls) {
    const std::string cluster = pull.at("cluster");
    order.push_back(cluster);
    const bool fails = cluster == "dead" || cluster == "silent";
    CHECK(pull.at("verdict") == (fails ? "could_not_run" : "pass"));
    if (cluster == "dead") CHECK(pull.at("error_kind") == "unreachable");
    if (cluster == "silent") CHECK(pull.at("error_kind") == "timeout");
  }
  CHECK(order == std::vector<std::string>{"edge", "dead", "silent", "zebra", "alpha", "middle", "delta"});
  CHECK(std::regex_search(pulled.err, std::regex("drill: error: pulled 5 of 7 clusters in [0-9.]+ m?s; failed: dead "
                                                 "\\(unreachable\\), silent \\(timeout\\)\n$")));
  const std::regex line("drill: (captured|error: (dead|silent|pulled)) .*|drill: error: (dead|silent): .*");
  std::istringstream said(pulled.err);
  for (std::string text; std::getline(said, text);) CHECK(std::regex_match(text, line));
  CHECK(entries(bench.store).size() == 5);
  CHECK(lab::left_behind(bench.node) == "");

  const core::CommandResult all = bench.drill({"pull", "zebra", "alpha", "zebra"});
  INFO(all.err);
  CHECK(all.exit_code == 0);
  CHECK_THAT(all.err, Catch::Contains("drill: pulled 2 of 2 clusters in "));
  CHECK(all.out.find("alpha/") > all.out.find("zebra/"));
  CHECK(bench.drill({"--quiet", "pull", "middle", "delta"}).err.empty());
}

TEST_CASE("doctor prints the one line that sudo on the node has to allow") {
  NEEDS_LAB();
  const bench::Bare bench;
  CHECK_THAT(bench.drill({"doctor"}).out,
             Catch::Contains("ubuntu ALL=(root) NOPASSWD: /var/lib/k3s-drill/drill-node pull /var/lib/rancher/k3s "
                             "/etc/rancher/k3s/config.yaml"));
}

TEST_CASE(
    "a pull by sqlite3 where drill-node was expected is a warning, to --quiet and doctor, too, unless it was asked "
    "for") {
  NEEDS_LAB();
  const bench::Bare bench;
  bench.node.run("mkdir -m 700 /var/lib/k3s-drill; mount -t tmpfs -o noexec tmpfs /var/lib/k3s-drill");
  const auto warnings = [&] {
    std::string found;
    const auto lines = bench::parse(bench.drill({"doctor", "--json"})).at("checks");
    for (const auto& line : lines)
      if (line.at("verdict") == "warning" && line.at("subject") == "drill-node edge")
        found += line.at("message").get<std::string>();
    return found;
  };
  const core::CommandResult pulled = bench.drill({"--quiet", "pull"});
  CHECK(pulled.exit_code == 0);
  const auto check = [](const std::string& said) {
    CHECK_THAT(said, Catch::Contains("all of the database is sent") && Catch::Contains("noexec") &&
                         Catch::Contains("method: sqlite3"));
  };
  check(pulled.err);
  check(warnings());
  bench.configure("", "    method: sqlite3\n");
  CHECK(bench.drill({"--quiet", "pull"}).err.empty());
  CHECK(warnings().empty());
}

TEST_CASE("doctor warns of ssh settings that do not count for drill") {
  NEEDS_LAB();
  const bench::Bare bench;
  const core::ScratchDir scratch;
  core::write_new_file(scratch.path() / "config", "RevokedHostKeys /etc/ssh/revoked\n");
  std::string lines = bench::cluster_lines("edge", bench.node.target());
  lines.replace(lines.find("/dev/null"), 9, scratch.path() / "config");
  bench.write_config("", lines);
  CHECK_THAT(bench.drill({"doctor"}).out,
             Catch::Contains("ssh edge") && Catch::Contains("config line 1: RevokedHostKeys"));
}

TEST_CASE("doctor warns of the WAL-reset bug on a node, and still exits 0 when nothing fails") {
  NEEDS_LAB();
  const bench::Bare bench;
  bench.configure("", "    method: sqlite3\n");
  const auto doctor = [&](const std::string& sqlite_version, const std::string& k3s_version) {
    bench.node.run("printf '#!/bin/sh\\necho \"k3s version " + k3s_version +
                   " (abc)\"\\n' >/usr/local/bin/k3s\nprintf '#!/bin/sh\\ncase \"$*\" in -version) echo " +
                   sqlite_version +
                   " ;; *) exec /usr/bin/sqlite3 \"$@\" ;; esac\\n' >/usr/local/bin/sqlite3\n"
                   "chmod 755 /usr/local/bin/k3s /usr/local/bin/sqlite3");
    const core::CommandResult result = bench.drill({"doctor", "--json"});
    const auto lines = bench::parse(result).at("checks");
    std::vector<std::string> warnings;
    bool failing = false;
    for (const auto& line : lines) {
      if (line.at("verdict") == "warning") warnings.push_back(line.at("subject"));
      failing = failing || line.at("verdict") == "fail";
    }
    CHECK(result.exit_code == (failing ? 3 : 0));  // an engine for that k3s may be missing here
    return warnings;
  };
  CHECK(doctor("3.51.2", "v1.36.2+k3s1") == std::vector<std::string>{"wal-reset edge"});
  CHECK(doctor("3.50.6", "v1.35.4+k3s1") == std::vector<std::string>{"wal-reset edge", "wal-reset edge"});
  CHECK(doctor("3.51.3", "v1.36.2+k3s1").empty());
  CHECK_THAT(bench.drill({"doctor"}).out, Catch::Contains("node edge"));
}

TEST_CASE("doctor does not blame a sound node for a k3s whose version is not known") {
  NEEDS_LAB();
  const bench::Bare bench;
  const core::CommandResult result = bench.drill({"doctor", "--json"});
  INFO(result.out);
  CHECK(result.exit_code == 0);
  for (const auto& line : bench::parse(result).at("checks"))
    if (line.at("subject") == "engine edge") {
      CHECK(line.at("verdict") == "warning");
      CHECK_THAT(line.at("message").get<std::string>(), Catch::StartsWith("no k3s was found on the node"));
    }
}

TEST_CASE("a pull that fails says why once") {
  NEEDS_LAB();
  const bench::Bare bench;
  bench.node.run("rm /var/lib/rancher/k3s/server/db/state.db");
  const core::CommandResult result = bench.drill({"pull"});
  CHECK(result.exit_code == 3);
  CHECK_THAT(result.err, Catch::Contains("server/db/state.db"));
  CHECK(result.out == "could not run  edge: nothing was pulled\n");
}

TEST_CASE("pulls into a store on a NAS, and one after which retention failed is kept and no pass, whatever is quiet") {
  NEEDS_LAB();
  if (!lab::Nas::missing().empty()) {
    WARN("test skipped: " << lab::Nas::missing());
    return;
  }
  const bench::Bare bench;
  const lab::Nas nas(bench.store, bench.scratch.path() / "behind");
  bench.configure("keep_last: 1\n");
  const auto pull = [&](std::vector<std::string> arguments) {
    bench.node.run("sqlite3 /var/lib/rancher/k3s/server/db/state.db 'UPDATE kine SET lease = lease + 1 WHERE id = 1'");
    arguments.insert(arguments.end(), {"pull", "--json"});
    return bench.drill(arguments);
  };
  // A keyframe, the step on it, and one that nothing is made from.
  std::string newest;
  for (int i = 0; i < 3; ++i) {
    const core::CommandResult pulled = pull({});
    INFO(pulled.out << pulled.err);
    REQUIRE(pulled.exit_code == 0);
    CHECK(bench::parse(pulled).at("pulls").at(0).at("retention_error").is_null());
    newest = bench::parse(pulled).at("pulls").at(0).at("snapshot");
  }
  const core::Fd open = core::open_file(bench.store / newest / "manifest.json", O_RDONLY);  // so it stays where it is
  const core::CommandResult second = pull({"--quiet"});
  INFO(second.out << second.err);
  CHECK(second.exit_code == 3);
  const auto kept = bench::parse(second).at("pulls").at(0);
  CHECK(kept.at("verdict") == "inconclusive");
  CHECK_FALSE(kept.at("retention_error").is_null());
  CHECK_THAT(second.err, Catch::Contains("error: edge: the snapshot is kept, and older ones could not be removed"));
  CHECK(bench.drill({"show", kept.at("snapshot")}).exit_code == 0);
}

TEST_CASE("no more clusters are pulled at once than the config says") {
  NEEDS_LAB();
  const bench::Bare bench;
  const SilentHost silent;
  const auto seconds = [&](const std::string& settings) {
    bench.configure(settings, silent.lines("one") + silent.lines("two") + silent.lines("three"));
    const core::Stopwatch watch;
    CHECK(bench.drill({"pull", "one", "two", "three"}).exit_code == 3);
    return core::to_seconds(watch.elapsed());
  };
  CHECK(seconds("parallel_pulls: 1\n") > 3.0);
  const double two = seconds("parallel_pulls: 2\n");
  CHECK(two > 2.0);
  CHECK(two < 3.0);
  CHECK(seconds("") < 2.0);
}

TEST_CASE("Ctrl-C stops all pulls at once with 130, and leaves nothing here or on the nodes") {
  NEEDS_LAB();
  const bench::Bare bench;
  const SilentHost silent;
  lab::Relay one(bench.node, 100'000);
  lab::Relay two(bench.node, 100'000);
  bench.configure("parallel_pulls: 3\n", bench::cluster_lines("one", one.target()) +
                                             bench::cluster_lines("two", two.target()) + silent.lines("silent"));
  core::Child pull(bench.command({"pull", "one", "two", "silent", "edge"}));
  REQUIRE(one.holding());
  REQUIRE(two.holding());
  const core::Stopwatch watch;
  ::kill(pull.pid(), SIGINT);
  REQUIRE(lab::eventually([&] { return pull.exit_code().has_value(); }));
  CHECK(pull.exit_code() == 130);
  CHECK(watch.elapsed() < std::chrono::seconds(2));
  CHECK(entries(bench.store).size() <= 1);  // edge may have come through while the silent one timed out
  CHECK(lab::left_behind(bench.node) == "");
}

TEST_CASE_METHOD(bench::Bare,
                 "a pull from a node that has lost its database says how it is put back, where the store has it") {
  NEEDS_LAB();
  const std::string database = "/var/lib/rancher/k3s/server/db/state.db";
  node.run("mv " + database + " /root/state.db");
  CHECK_THAT(drill({"pull", "edge"}).err, Catch::Contains("has it run?"));
  node.run("mv /root/state.db " + database);
  REQUIRE(drill({"pull", "edge"}).exit_code == 0);
  node.run("rm " + database);
  const core::CommandResult lost = drill({"pull", "edge"});
  INFO(lost.err);
  CHECK(lost.exit_code == 3);
  CHECK_THAT(lost.err, Catch::Contains("no " + database +
                                       " on the node any more; to put its newest snapshot back: "
                                       "drill restore edge/latest --to edge; "));
}
