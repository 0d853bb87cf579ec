// Where k3s has its database, by what it is told and what it has open, and what is said of a pull from elsewhere.
#include "k3s/place.hpp"

#include "tests/catch.hpp"
#include "tests/k3s/told_of.hpp"

namespace {

using Catch::Matchers::Contains;

const std::string kConfig = "config /etc/rancher/k3s/config.yaml";
const std::string kDir = "/var/lib/rancher/k3s";
const std::string kDatabase = kDir + "/server/db/state.db";
const std::string kOurs = "inode 1:1 " + kDatabase;

k3s::PlaceFindings check(const k3s::Told& told) { return k3s::check_place(told, kDir, "/etc/rancher/k3s/config.yaml"); }

// The refusal of a config.yaml of this text; "external KIND FILE"; empty when there is none.
std::string refusal(const std::string& config, const Lines& lines = {kOurs}) {
  const k3s::PlaceFindings findings = check(told_of({{kConfig, config}}, lines));
  CHECK(findings.warnings.empty());
  if (findings.external) return "external " + findings.external->kind + " " + findings.external->file;
  return findings.refusal.value_or("");
}

std::string unit(const std::string& arguments) {
  return "[Service]\nExecStart=/usr/local/bin/k3s server " + arguments + "\n";
}

}  // namespace

TEST_CASE("a place that k3s is told in other words is the same place") {
  for (const char* config :
       {"", "data-dir: /var/lib/rancher/k3s", "data-dir: /var/lib/rancher/k3s/", "data-dir: \"/var/lib//rancher/k3s\"",
        "d: /var/lib/rancher/k3s", "data-dir: /elsewhere\ndata-dir: /var/lib/rancher/k3s", "#data-dir: /elsewhere",
        "data-dir: var/lib/rancher/k3s", "data-dir:", "datastore-endpoint: \"\" # sqlite", "datastore-endpoint: ''",
        "datastore-endpoint: sqlite", "datastore-endpoint: sqlite://",
        "datastore-endpoint: sqlite:///var/lib/rancher/k3s/server/db/state.db?_journal=WAL",
        "datastore-endpoint: \"sqlite://./db/state.db?cache=shared\"",
        "datastore-endpoint: sqlite://file:/var/lib/rancher/k3s/server/db/state.db?mode=rw", "data_dir: /elsewhere",
        "K3S_DATA_DIR: /elsewhere", "DATA-DIR: /elsewhere"}) {
    CAPTURE(config);
    CHECK(refusal(config).empty());
  }
  CHECK(refusal("data-dir: /mnt/k3s", {kOurs, "inode 1:1 /mnt/k3s/server/db/state.db"}).empty());
  CHECK(refusal("datastore-endpoint: sqlite:///mnt/x.db", {kOurs, "inode 1:1 /mnt/x.db"}).empty());
}

TEST_CASE("a data-dir that was moved is refused with the key to set") {
  CHECK(refusal("data-dir: /mnt/k3s/") ==
        "k3s has its database in /mnt/k3s/server/db/state.db, as /etc/rancher/k3s/config.yaml says, and not in " +
            kDatabase + ": set data_dir of the cluster in the config to /mnt/k3s");
  CHECK_THAT(refusal("data-dir: ~/k3s"), Contains("in /root/k3s/server"));
  CHECK_THAT(refusal("data-dir: /a", {kOurs, "inode 1:2 /a/server/db/state.db"}), Contains("to /a"));
}

TEST_CASE("a database of another name is refused with what helps") {
  CHECK_THAT(refusal("datastore-endpoint: sqlite:///srv/x.db?p=secret"),
             Contains("in /srv/x.db") && Contains("symlink") && !Contains("secret"));
}

TEST_CASE("another kind of datastore is told by its kind, and by the file that wins") {
  const std::string file = " /etc/rancher/k3s/config.yaml";
  CHECK(refusal("datastore-endpoint: mysql://user:secret@tcp(db)/k3s") == "external mysql" + file);
  CHECK(refusal("datastore-endpoint: https://a:2379,https://b:2379") == "external etcd" + file);
  CHECK(refusal("datastore-endpoint: mysql://x\ndatastore-endpoint: ''").empty());
  CHECK(refusal("#datastore-endpoint: mysql://x").empty());
}

TEST_CASE("the command line wins over the config, and the config over the environment") {
  const auto told = [](const std::string& config, const std::string& arguments, const std::string& environment) {
    return check(told_of({{"unit /etc/systemd/system/k3s.service", unit(arguments) + "EnvironmentFile=/e\n"},
                          {"environment /e", environment},
                          {kConfig, config}},
                         {kOurs}))
        .refusal.value_or("");
  };
  CHECK_THAT(told("data-dir: /a", "--data-dir /b", "K3S_DATA_DIR=/c"),
             Contains("in /b/") && Contains("k3s.service says"));
  CHECK_THAT(told("data-dir: /a", "", "K3S_DATA_DIR=/c"), Contains("in /a/") && Contains("config.yaml says"));
  CHECK_THAT(told("", "", "K3S_DATA_DIR=/c"), Contains("in /c/") && Contains("/e says"));
  CHECK(told("data-dir: /a", "-d=" + kDir, "").empty());
  for (const char* arguments : {"-d /b", "-d=/b", "--data-dir=/b", "-data-dir /b", "--disable x --data-dir /b --debug"})
    CHECK_THAT(told("", arguments, ""), Contains("in /b/"));
}

TEST_CASE("what stands in front of k3s has flags of its own, and what starts no k3s tells nothing of its flags") {
  const auto started_by = [](const std::string& command, const std::string& config, const std::string& config_file) {
    const k3s::Told told = told_of({{"config " + config_file, config},
                                    {"unit /etc/systemd/system/k3s.service", "[Service]\nExecStart=" + command + "\n"}},
                                   {kOurs});
    return k3s::check_place(told, kDir, config_file);
  };
  const std::string usual = "/etc/rancher/k3s/config.yaml";
  for (const char* front : {"/usr/bin/ionice -c 2", "/usr/bin/taskset -c 0", "/usr/bin/nice -n 5"}) {
    CAPTURE(front);
    const std::string command = std::string(front) + " /usr/local/bin/k3s server";
    CHECK(started_by(command, "", usual).warnings.empty());
    CHECK(started_by(command, "data-dir: /mnt/k3s", usual).refusal.has_value());
    CHECK(started_by(command + " -d /mnt/k3s", "", usual).refusal.has_value());
  }
  for (const char* command : {"/bin/sh -c 'exec k3s server -d /mnt/k3s'", "/bin/sh -ec 'k3s server -d /mnt/k3s'",
                              "/bin/bash -l -c \"exec /usr/local/bin/k3s server -d /mnt/k3s\"",
                              "/usr/bin/nice -n 5 k3s server -d /mnt/k3s"}) {
    CAPTURE(command);
    CHECK(started_by(command, "", usual).refusal.has_value());
  }
  const k3s::PlaceFindings container = started_by(
      "/usr/bin/docker run -d --name k3s -v /srv/k3s:/var/lib/rancher/k3s rancher/k3s:v1.30 server", "", usual);
  CHECK(container.warnings.empty());
  CHECK_FALSE(container.refusal);
  CHECK(started_by("/usr/local/bin/start-k3s.sh", "", "/opt/k3s.yaml").warnings.empty());
  CHECK(started_by("/usr/local/bin/start-k3s.sh", "data-dir: /mnt/k3s", "/opt/k3s.yaml").refusal.has_value());
}

TEST_CASE("a service file that only mentions a datastore in a comment tells none") {
  const std::string text =
      "[Service]\n# ExecStart=/usr/local/bin/k3s server --datastore-endpoint=mysql://x --token y\n"
      ";ExecStart=/usr/local/bin/k3s server -d /old\nExecStart=/usr/local/bin/k3s server\n";
  const k3s::PlaceFindings findings = check(told_of({{"unit /u", text}}, {kOurs}));
  CHECK_FALSE(findings.refusal);
  CHECK_FALSE(findings.external);
}

TEST_CASE("a database that the running k3s has open is the one in use, whatever it is told for its next start") {
  const Lines open{kOurs, "open 77 1:1 " + kDatabase};
  for (const char* config : {"data-dir: /mnt/k3s", "datastore-endpoint: mysql://u:secret@x"}) {
    const k3s::PlaceFindings findings = check(told_of({{kConfig, config}}, open));
    CHECK_FALSE(findings.refusal);
    CHECK_FALSE(findings.external);
    REQUIRE(findings.warnings.size() == 1);
    CHECK_THAT(findings.warnings[0], Contains("next start") && !Contains("secret"));
  }
}

TEST_CASE("a running k3s that was told in a way that is not seen is no reason for a warning") {
  const k3s::PlaceFindings findings = k3s::check_place(
      told_of({{"unit /u", unit("")}},
              {kOurs, "inode 1:2 /mnt/k3s/server/db/state.db", "open 77 1:2 /mnt/k3s/server/db/state.db"}),
      "/mnt/k3s", "/etc/rancher/k3s/config.yaml");
  CHECK_FALSE(findings.refusal);
  CHECK(findings.warnings.empty());
}

TEST_CASE("a database that the running k3s has open elsewhere is refused, naming where") {
  CHECK(refusal("", {kOurs, "open 77 1:5 /mnt/k3s/server/db/state.db"}) ==
        "the running k3s (process 77) has its database in /mnt/k3s/server/db/state.db, and not in " + kDatabase +
            ": set data_dir of the cluster in the config to /mnt/k3s");
  CHECK_THAT(refusal("", {kOurs, "open 77 1:5 " + kDatabase + " (deleted)"}),
             Contains("deleted or replaced") && Contains("restart k3s"));
  CHECK(refusal("", {kOurs, "open 7 1:5 /other/x.db", "open 77 1:1 " + kDatabase}).empty());
}

TEST_CASE("while the service is stopped, what another k3s has open is taken where it is ours, and else a warning") {
  const std::string unit_file = "unit /etc/systemd/system/k3s.service";
  const auto told = [&](const std::string& open) {
    return told_of({{unit_file, unit("--data-dir /old")}}, {kOurs, "stopped", open});
  };
  CHECK_FALSE(check(told("open 9 1:1 " + kDatabase)).refusal);
  const k3s::PlaceFindings other =
      check(told_of({{unit_file, unit("")}}, {kOurs, "stopped", "open 9 2:2 /data/k3s/server/db/state.db"}));
  CHECK_FALSE(other.refusal);
  REQUIRE(other.warnings.size() == 1);
  CHECK_THAT(other.warnings[0], Contains("another k3s (process 9)") && Contains("/data/k3s"));
}

TEST_CASE("where nothing tells, nothing is refused") {
  k3s::Told cut_off;
  cut_off.add(kConfig);
  cut_off.add("text " + base64("data-dir: /mnt/k3s\n"));
  CHECK_FALSE(check(cut_off).refusal);
  // k3s's default counts where a unit starts it and a database is there.
  const auto elsewhere = [](const std::string& command, const Lines& lines) {
    return k3s::check_place(told_of({{"unit /u", "[Service]\nExecStart=" + command + "\n"}}, lines), "/mnt/k3s",
                            "/etc/rancher/k3s/config.yaml")
        .refusal.value_or("");
  };
  CHECK(elsewhere("/usr/local/bin/k3s server", {}).empty());
  CHECK(elsewhere("/usr/local/bin/start-it", {kOurs}).empty());
  CHECK_THAT(elsewhere("/usr/local/bin/k3s server", {kOurs}), Contains("by default") && Contains("to " + kDir));
}

TEST_CASE("a config that is elsewhere, and one that is no YAML, are said and keep no database from being pulled") {
  const auto warning = [](const k3s::Told& told) {
    const k3s::PlaceFindings findings = check(told);
    CHECK_FALSE(findings.refusal);
    REQUIRE(findings.warnings.size() == 1);
    return findings.warnings[0];
  };
  CHECK_THAT(warning(told_of({{kConfig, "a: [\n"}}, {kOurs})), Contains("config.yaml, line") && Contains("not YAML"));
  CHECK_THAT(warning(told_of({{"unit /u", unit("--config /srv/k3s.yaml")}, {kConfig, "data-dir: /not-read"}}, {kOurs})),
             Contains("/srv/k3s.yaml, as /u says") && Contains("set config_file"));
  CHECK_THAT(warning(told_of({{"unit /u", unit("") + "Environment=K3S_CONFIG_FILE=/srv/k3s.yaml\n"}}, {kOurs})),
             Contains("/srv/k3s.yaml"));
  CHECK_THAT(
      check(told_of({{"unit /u", unit("-c /srv/k3s.yaml")}, {"config /srv/k3s.yaml", "data-dir: /moved"}}, {kOurs}))
          .refusal.value_or(""),
      Contains("/moved"));
}
