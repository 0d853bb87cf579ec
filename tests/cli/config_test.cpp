#include "cli/config.hpp"

#include "core/error.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;

namespace {

constexpr const char* kSmallest = R"(store: /srv/backups/k3s
clusters:
  edge:
    host: 10.0.0.2
    user: ubuntu
)";

}  // namespace

TEST_CASE("the smallest config has the defaults a careful operator would have chosen") {
  const cli::Config config = cli::parse_config(kSmallest, "config.yaml");
  CHECK(config.store == "/srv/backups/k3s");
  CHECK_FALSE(config.retention.last);
  CHECK(config.parallel_pulls == 4);
  const puller::Target& target = config.clusters.at("edge").target;
  CHECK(target.host == "10.0.0.2");
  CHECK(target.user == "ubuntu");
  CHECK_FALSE(target.port);
  CHECK(target.data_dir == "/var/lib/rancher/k3s");
  CHECK_FALSE(config.drill.engine.kind);
  CHECK(config.drill.engine.download == drill::Download::no);
  CHECK(config.drill.caps.memory_bytes == 4ULL << 30U);
  CHECK(config.drill.caps.pids == 4096);
  CHECK(config.drill.stale_after == 26h);
  CHECK(config.clusters.at("edge").stale_after == 26h);
}

TEST_CASE("every key of the config is read") {
  const cli::Config config = cli::parse_config(R"(
store: /s
keep_last: 48
keep_hourly: 24
keep_daily: 7
keep_weekly: 5
keep_monthly: 12
keep_for: 2d
parallel_pulls: 12
ready_timeout: 90s
caps: {memory: 2GiB, pids: 512}
objectives: {rto: 10m, rpo: 2h}
stale_after: 50h
engines:
  k3s: {path: /opt/k3s, download: true, release_url: http://mirror/k3s, cache: /var/cache/k3s-drill}
  container: {image: registry/k3s:%v}
  standin: {path: /opt/k3s-standin}
clusters:
  edge:
    host: node-a
    port: 2222
    identity: /keys/id
    known_hosts: /keys/known_hosts
    ssh_config: /keys/config
    data_dir: /data/k3s
    config_file: /data/config.yaml
    kubeconfig: /data/k3s.yaml
    stop_command: service k3s stop
    start_command: service k3s start
    connect_timeout: 3s
    idle_timeout: 2m
    objectives: {rto: 5m}
    stale_after: 8d
  core: {host: node-b}
)",
                                               "config.yaml");
  CHECK(config.retention.last == 48);
  CHECK(config.retention.hourly == 24);
  CHECK(config.retention.daily == 7);
  CHECK(config.retention.weekly == 5);
  CHECK(config.retention.monthly == 12);
  CHECK(config.retention.for_duration == 48h);
  CHECK(config.parallel_pulls == 12);
  CHECK(config.cluster_names == std::vector<std::string>{"edge", "core"});
  CHECK(config.drill.ready_timeout == 90s);
  CHECK(config.drill.caps.memory_bytes == 2ULL << 30U);
  CHECK(config.drill.caps.pids == 512);
  CHECK(config.drill.engine.download == drill::Download::yes);
  CHECK(config.drill.engine.image == "registry/k3s:%v");
  const cli::ClusterConfig& edge = config.clusters.at("edge");
  CHECK(edge.target.port == 2222);
  CHECK(edge.target.idle_timeout == 2min);
  CHECK(edge.restore.kubeconfig == "/data/k3s.yaml");
  CHECK(edge.restore.stop_command == "service k3s stop");
  CHECK(edge.restore.start_command == "service k3s start");
  CHECK(edge.objectives.rto == 5min);
  CHECK(edge.objectives.rpo == 2h);
  CHECK(edge.stale_after == 8 * 24h);
  CHECK(config.clusters.at("core").stale_after == 50h);
  CHECK(config.clusters.at("core").objectives.rto == 10min);
}

TEST_CASE("method and limits of a cluster are its own, or those for all") {
  const cli::Config config = cli::parse_config(
      "store: /s\nlimits: {read_transaction: 5s, wal_growth: 64MiB}\nclusters:\n"
      "  edge: {host: a, method: helper, limits: {spool: 2GiB, wal_growth: 512KiB, database: 3GiB, rate: 1KiB}}\n  "
      "core: {host: b}\n",
      "config.yaml");
  const puller::Target& edge = config.clusters.at("edge").target;
  CHECK(edge.method == puller::Method::helper);
  CHECK(edge.limits.read_transaction == 5s);
  CHECK(edge.limits.wal_growth_bytes == 512U << 10U);
  CHECK(edge.limits.spool_bytes == 2ULL << 30U);
  CHECK(edge.limits.database_bytes == 3ULL << 30U);
  CHECK(edge.least_bytes_per_second == 1024);
  const puller::Target& core = config.clusters.at("core").target;
  CHECK(core.method == puller::Method::automatic);
  CHECK(core.limits.wal_growth_bytes == 64U << 20U);
  CHECK(core.limits.spool_bytes == puller::Limits().spool_bytes);
  const auto refused = [](const std::string& cluster) {
    CHECK_THROWS_AS(cli::parse_config("store: /s\nclusters:\n  e: {host: a, " + cluster + "}\n", "c"), core::Error);
  };
  for (const char* wrong :
       {"method: rsync", "limits: {spool: 5}", "limits: {spool: 0B}", "limits: {rate: 0B}", "limits: {database: 0B}",
        "limits: {spool: -1MiB}", "limits: {spool: 1MB}", "limits: {spool: 9999999999TiB}", "limits: {wal: 1MiB}"})
    refused(wrong);
}

TEST_CASE("a wrong config is refused with file, line and what would be right") {
  const auto message = [](const std::string& text) -> std::string {
    try {
      cli::parse_config(text, "config.yaml");
    } catch (const core::Error& error) {
      CHECK(error.kind() == core::ErrorKind::usage);
      return error.what();
    }
    return "accepted";
  };
  CHECK(message("stroe: /s\n") == "config.yaml:1: unknown key 'stroe' in the config; did you mean 'store'?");
  CHECK(message("store: /s\nclusters:\n  edge:\n    hots: a\n") ==
        "config.yaml:4: unknown key 'hots' in cluster edge; did you mean 'host'?");
  CHECK(message("store: /s\nclusters:\n  edge: {user: a}\n") == "config.yaml:3: cluster edge needs a host");
  for (const char* command : {"stop_command: a", "start_command: a"})
    CHECK(message("store: /s\nclusters:\n  edge: {host: a, " + std::string(command) + "}\n") ==
          "config.yaml:3: cluster edge needs stop_command and start_command, or neither");
  CHECK(message("store: /s\nstale_aftr: 26h\n") ==
        "config.yaml:2: unknown key 'stale_aftr' in the config; did you mean 'stale_after'?");
  CHECK(message("store: /s\nstale_after: 26\n") ==
        "config.yaml:2: '26' must be a duration with its unit, from 1s to 36500d: 500ms, 90s, 10m, 36h or 7d");
  CHECK(message("store: /s\nready_timeout: 90\n").find("config.yaml:2: '90' must be a duration with its unit") == 0);
  CHECK(message("store: /s\nclusters: {edge: {host: a, idle_timeout: 500ms}}\n") ==
        "config.yaml:2: '500ms' must be a duration with its unit, from 1s to 24h, in whole seconds: 90s, 10m, "
        "36h or 7d");
  CHECK(message("store: /s\ncaps: {memory: 4}\n").find("config.yaml:2: '4' must be a whole size with its unit") == 0);
  CHECK(message("store: /s\ncaps: {memory: 1MiB}\n") ==
        "config.yaml:2: '1MiB' must be a whole size with its unit, from 128MiB to 1024TiB: 512KiB, 64MiB or 2GiB");
  CHECK(message("store: /s\ncaps: {pids: 1}\n").find("config.yaml:2: '1' must be a whole number from 32") == 0);
  CHECK(message("store: /s\ncaps: {pid: 64}\n") == "config.yaml:2: unknown key 'pid' in caps; did you mean 'pids'?");
  CHECK(message("store: /s\nkeep_last: 0\n").find("config.yaml:2: '0' must be a whole number") == 0);
  CHECK(message("store: /s\nparallel_pulls: 65\n").find("config.yaml:2: '65' must be a whole number from 1 to 64") ==
        0);
  CHECK(message("store: /s\nkeep_last: many\n").find("config.yaml:2") == 0);
  CHECK(message("store: /s\nkeep_daily: -1\n").find("config.yaml:2: '-1' must be a whole number") == 0);
  CHECK(message("store: /s\nkeep_for: 30\n").find("config.yaml:2: '30' must be a duration with its unit") == 0);
  CHECK(message("store: /s\nkeep_yearly: 1\n").find("unknown key 'keep_yearly'") != std::string::npos);
  CHECK(message("store: /s\nclusters: [a]\n").find("config.yaml:2: clusters must be a map") == 0);
  CHECK(message("store: /s\nclusters:\n  ../x: {host: a}\n").find("config.yaml:3: '../x' is no cluster name") == 0);
  CHECK(
      message("store: /s\nengines: {k3s: {download: maybe}}\n").find("config.yaml:2: 'maybe' must be true or false") ==
      0);
  CHECK(message("store: /s\nstore: /t\n").find("config.yaml:2: key 'store' is there twice") == 0);
  CHECK(message("clusters: {}\n").find("'store' is missing") != std::string::npos);
  for (const char* text : {"", "- a\n", "store /s\n"})
    CHECK(message(text) ==
          "config.yaml: it must be a map, KEY: VALUE on each line, and have at least 'store'; see docs/config.md");
  CHECK(message("store: /s\nclusters:\n  edge:\n    host:\n") ==
        "config.yaml:4: the value is missing behind this key: write it, or take the key away");
  CHECK(message("store: [/s]\n") == "config.yaml:1: one value is needed here, and not a list or a map");
}

TEST_CASE("a host that holds user or port is refused with the keys to write, and an address of IPv6 is one") {
  const auto host = [](const std::string& text) -> std::string {
    try {
      return cli::parse_config("store: /s\nclusters:\n  edge:\n    host: \"" + text + "\"\n", "c")
          .clusters.at("edge")
          .target.host;
    } catch (const core::Error& error) {
      return error.what();
    }
  };
  for (const char* good : {"10.0.0.2", "node-a.example.org", "fe80::1%eth0", "::1", "2001:db8::2", "node_a"})
    CHECK(host(good) == good);
  const std::string more = "' is more than a host; write host: ";
  CHECK(host("10.0.0.2:2222") == "c:4: host: '10.0.0.2:2222" + more + "10.0.0.2, port: 2222");
  CHECK(host("root@node") == "c:4: host: 'root@node" + more + "node, user: root");
  CHECK(host("ssh://root@node:22/") == "c:4: host: 'ssh://root@node:22/" + more + "node, user: root, port: 22");
  CHECK(host("ssh://node") == "c:4: host: 'ssh://node" + more + "node");
  CHECK(host("[2001:db8::2]:2222") == "c:4: host: '[2001:db8::2]:2222" + more + "\"2001:db8::2\", port: 2222");
  for (const char* bad : {"https://node", "node:", "node:ssh", "-oProxyCommand=x", "a b", "node:70000", "1:2:3"})
    CHECK(host(bad) == "c:4: host: '" + std::string(bad) + "' is neither a name nor an address");
}

TEST_CASE("a store whose path depends on where drill is called is refused") {
  for (const char* store : {"srv/rel", "./s", "~other/s"})
    CHECK_THROWS_AS(cli::parse_config(std::string("store: ") + store + "\n", "c.yaml"), core::Error);
}

TEST_CASE("what is no YAML is refused with file, line, column and what to write instead") {
  const auto [text, error] = GENERATE(table<std::string, std::string>({
      {"clusters:\n  edge:\n    host: a: b\n", "3:12: a ':' is not expected here"},
      {"clusters:\n  edge:\n   host: a\n    user: b\n", "4:9: a ':' is not expected here"},
      {"clusters:\n\tedge:\n\t  host: a\n", "2:6: a tab indents this line: indent with spaces"},
      {"store: \"/s\nclusters: {}\n", "1:8: a quote is opened and not closed"},
      {"store: '/s\nclusters: {}\n", "1:8: a quote is opened and not closed"},
      {"store: /s\nclusters: {edge: {host: a}\n", "3:1: a '{' is not closed"},
      {"store: [\n", "2:1: a '[' is not closed"},
      {"clusters: {}}\n", "1:13: a '}' or ']' closes nothing"},
      {"store: @s\n", "1:8: no value begins with this character: quote the text"},
      {"store: *s\n", "1:8: a '*' names an anchor that is not there"},
      {"store: \"a\\qb\"\n", "1:12: a '\\' in double quotes: write it twice"},
      {"store: - 1\n", "1:8: a '-' is not expected here"},
  }));
  CAPTURE(text);
  try {
    cli::parse_config(text, "c.yaml");
    FAIL_CHECK("accepted");
  } catch (const core::Error& refusal) {
    CHECK_THAT(refusal.what(), Catch::StartsWith("c.yaml:" + error));
  }
}

TEST_CASE("quotes that are closed are none of a text's trouble") {
  for (const char* store : {"'/s'", "\"/s\"", "'/it''s'", "\"/a\\\"b\"", "\"/\\\\\"", "/it's", "/a\"b"})
    CHECK_NOTHROW(cli::parse_config(std::string("store: ") + store + "\nkeep_last: 1\n", "c.yaml"));
}

TEST_CASE("durations need a unit, a number in their range and an end, and may be as exact as they are kept") {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  CHECK(cli::parse_duration<milliseconds>("500ms", cli::kWatch) == 500ms);
  CHECK(cli::parse_duration<milliseconds>("1.5h", cli::kWait) == 90min);
  CHECK(cli::parse_duration<seconds>("24h", cli::kWait) == 24h);
  CHECK(cli::parse_duration<std::chrono::nanoseconds>("3650d", cli::kAge) == 3650 * 24h);
  for (const char* text :
       {"", "0", "10", "m", "-5m", "-0.1s", "1e99h", "10 m", "10mm", "nan s", "infs", "24.1h", "1d1h"})
    CHECK_THROWS_AS(cli::parse_duration<milliseconds>(text, cli::kWatch), core::Error);
  CHECK_THROWS_AS(cli::parse_duration<seconds>("1500ms", cli::kWait), core::Error);
  CHECK_THROWS_AS(cli::parse_duration<milliseconds>("0s", cli::kWait), core::Error);
}

TEST_CASE("0s, which switches off, is taken where the command line takes it and nowhere else") {
  const cli::Config config = cli::parse_config("store: /s\nalive_for: 0s\nsettle: 0s\n", "c.yaml");
  CHECK(config.drill.alive_for == 0s);
  CHECK(config.drill.settle == 0s);
  CHECK(cli::parse_duration<std::chrono::milliseconds>("0s", cli::kWatch) == 0s);
  for (const char* line :
       {"ready_timeout: 0s", "stale_after: 0s", "keep_for: 0s", "objectives: {rto: 0s}",
        "limits: {read_transaction: 0s}", "limits: {spool: 0B}", "caps: {memory: 0B}",
        "clusters: {edge: {host: a, idle_timeout: 0s}}", "clusters: {edge: {host: a, stale_after: 0s}}"})
    CHECK_THROWS_AS(cli::parse_config(std::string("store: /s\n") + line + "\n", "c.yaml"), core::Error);
}
