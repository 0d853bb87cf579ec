// Pulls that succeed: what arrives, what it costs the node, what it leaves there.
#include "puller/pull.hpp"

#include <sys/stat.h>

#include <cstdlib>

#include "core/fd.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

namespace {

const std::string kDirectory = "cd /var/lib/rancher/k3s/server/db; ";

unsigned mode(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

// Sets a variable of the environment for as long as it lives.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (old_)
      ::setenv(name_, old_->c_str(), 1);
    else
      ::unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("a pull brings the database, the token and the configuration, private and as the manifest says") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const bool busybox = GENERATE(false, true);
  CAPTURE(busybox);
  const lab::Node node;
  node.make_database();
  if (busybox) node.install_busybox();
  lab::Writer writer(node);
  writer.execute("INSERT INTO kine(name, prev_revision) VALUES('/registry/only/in/wal', 0)");
  lab::Shelf shelf;
  const puller::PullReport report = puller::pull(node.target(method), shelf.store);
  const store::Snapshot& snapshot = report.snapshot;

  std::vector<std::string> names;
  for (const store::BundleFile& file : snapshot.manifest.bundle) {
    names.push_back(file.path);
    if (file.path == store::kDatabaseFile) continue;
    const core::CopiedFile stored = core::hash_file(snapshot.file(file.path));
    CHECK(stored.sha256 == file.sha256);
    CHECK(stored.size_bytes == file.size_bytes);
  }
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"config.yaml", "config.yaml.d-10_mode.yaml", "state.db", "token"});
  CHECK(mode(snapshot.directory) == 0700);
  CHECK(mode(snapshot.directory.parent_path()) == 0700);
  for (const auto& entry : std::filesystem::directory_iterator(snapshot.directory)) CHECK(mode(entry.path()) == 0600);

  CHECK(lab::query(shelf.store, snapshot, "PRAGMA integrity_check") == "ok");
  CHECK(lab::query(shelf.store, snapshot, "SELECT count(*) FROM kine WHERE name = '/registry/only/in/wal'") == "1");
  CHECK(core::read_file(snapshot.file("token")) == node.run("cat /var/lib/rancher/k3s/server/token") + "\n");
  CHECK(snapshot.manifest.method == (method == puller::Method::helper ? "helper" : "sqlite3"));
  CHECK(snapshot.manifest.arch == node.run("uname -m"));
  CHECK_FALSE(snapshot.manifest.sqlite_version.empty());
  CHECK(report.pages_total * 4096 == snapshot.manifest.find("state.db")->size_bytes);
  if (method == puller::Method::sqlite3)
    CHECK(report.bytes_received > snapshot.manifest.find("state.db")->size_bytes);
  else
    CHECK(report.node_peak_memory_bytes.value() < 48U << 20U);
  CHECK(report.bytes_sent > 1000);
  CHECK(std::chrono::abs(report.node.clock_offset) < std::chrono::seconds(2));
  CHECK(lab::left_behind(node) == "");
}

TEST_CASE("a database of 36 MB is pulled whole") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database(9000, 3800);
  lab::Shelf shelf;
  const puller::PullReport report = puller::pull(node.target(puller::Method::sqlite3), shelf.store);
  WARN("36 MB: " << report.bytes_received << " bytes in " << core::to_seconds(report.duration)
                 << " s, read transaction " << core::to_seconds(report.read_transaction) << " s");
  CHECK(lab::query(shelf.store, report.snapshot, "PRAGMA integrity_check") == "ok");
  CHECK(lab::query(shelf.store, report.snapshot, "SELECT count(*) FROM kine") == "9000");
}

TEST_CASE("a busy writer never restarts the copy") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database(4000, 3800);
  const auto writer = lab::start_busy_writer(node);
  lab::Shelf shelf;
  // The copy of a backup that started over would hold more rows than there were when its transaction began: the script
  // compares its size with the page count of the beginning, and a wrapper notes the newest row then.
  node.run(
      "cat >/usr/local/bin/sqlite3 <<'END'\n#!/bin/sh\ncase \"$*\" in *state.db) ;; *) exec /usr/bin/sqlite3 \"$@\" ;; "
      "esac\n"
      "sed '/^BEGIN/a .output /tmp/begin\\nSELECT max(id) FROM kine;\\n.output' | /usr/bin/sqlite3 \"$@\"\n"
      "END\nchmod 755 /usr/local/bin/sqlite3");
  const puller::PullReport report = puller::pull(node.target(puller::Method::sqlite3), shelf.store);
  CHECK(report.read_transaction < std::chrono::seconds(5));
  CHECK(report.wal_growth_bytes > 0);
  CHECK(lab::query(shelf.store, report.snapshot, "PRAGMA integrity_check") == "ok");
  CHECK(lab::query(shelf.store, report.snapshot, "SELECT max(id) FROM kine") == node.run("cat /tmp/begin"));
  CHECK(node.run("/usr/bin/sqlite3 -readonly /var/lib/rancher/k3s/server/db/state.db '.timeout 5000' 'SELECT max(id) "
                 "FROM kine'") != node.run("cat /tmp/begin"));
}

TEST_CASE("a pull leaves the database, its WAL and its index as they were while k3s has them open") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  lab::Writer writer(node);
  writer.execute("INSERT INTO kine(name, prev_revision) VALUES('/registry/w', 0)");
  const std::string state =
      kDirectory + "ls -i; stat -c '%n %s %y' state.db state.db-wal; sha256sum state.db state.db-wal";
  const std::string before = node.run(state);
  lab::Shelf shelf;
  REQUIRE(lab::try_pull(node.target(method), shelf.store) == "");
  CHECK(node.run(state) == before);
}

TEST_CASE("a pull leaves the WAL of a k3s that was killed for its next start") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  {
    lab::Writer writer(node);
    writer.execute("INSERT INTO kine(name, prev_revision) VALUES('/registry/w', 0)");
    node.run("kill -9 $(fuser /var/lib/rancher/k3s/server/db/state.db 2>/dev/null || pidof sqlite3)");
  }
  const std::string state =
      kDirectory + "ls -i; stat -c '%n %s %y' state.db state.db-wal; sha256sum state.db state.db-wal";
  const std::string before = node.run(state);
  lab::Shelf shelf;
  const puller::PullReport report = puller::pull(node.target(method), shelf.store);
  CHECK(node.run(state) == before);
  CHECK(lab::query(shelf.store, report.snapshot, "SELECT count(*) FROM kine WHERE name = '/registry/w'") == "1");
}

TEST_CASE("a pull of a cleanly stopped k3s leaves no WAL behind") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  const std::string state = kDirectory + "ls -Ai; stat -c '%n %s %y' state.db; sha256sum state.db";
  const std::string before = node.run(state);
  lab::Shelf shelf;
  REQUIRE(lab::try_pull(node.target(method), shelf.store) == "");
  CHECK(node.run(state) == before);
}

TEST_CASE("a pull removes what a killed pull left, and not what a living one has") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  // Init lives, and is no pull started at that time; the second name is that of init itself.
  node.run(kDirectory +
           "mkdir .k3s-drill-1-1-dead .k3s-drill-99999999-5-dead\n"
           "stat=$(cat /proc/1/stat); set -- ${stat##*) }; shift 19; mkdir .k3s-drill-1-$1-alive");
  lab::Shelf shelf;
  REQUIRE(lab::try_pull(node.target(puller::Method::sqlite3), shelf.store) == "");
  const std::string left = node.run(kDirectory + "ls -A | grep drill");
  CHECK(left.find("dead") == std::string::npos);
  CHECK(left.find("alive") != std::string::npos);
}

TEST_CASE("a pull logs in with the keys of ssh-agent") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const core::ScratchDir home;
  const Environment no_home("HOME", home.path());
  const std::string socket = home.path() / "agent";
  core::Child agent({"ssh-agent", "-D", "-a", socket});
  REQUIRE(lab::eventually([&] { return std::filesystem::exists(socket); }));
  const Environment with_agent("SSH_AUTH_SOCK", socket);
  REQUIRE(core::run_command({{"ssh-add", node.variable("LAB_IDENTITY")}}).exit_code == 0);
  puller::Target target = node.target();
  target.identity.reset();
  lab::Shelf shelf;
  CHECK(lab::try_pull(target, shelf.store) == "");
}

TEST_CASE("a pull finds address, user, port, key and known hosts in ~/.ssh/config") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const core::ScratchDir home;
  const Environment with_home("HOME", home.path());
  std::filesystem::create_directory(home.path() / ".ssh");
  core::write_new_file(home.path() / ".ssh/config", "Host kitchen\n  HostName " + node.variable("LAB_HOST") +
                                                        "\n  Port 22\n  User ubuntu\n  IdentityFile " +
                                                        node.variable("LAB_IDENTITY") + "\n  UserKnownHostsFile " +
                                                        node.variable("LAB_KNOWN_HOSTS") + "\n");
  puller::Target target;
  target.cluster = "edge";
  target.host = "kitchen";
  lab::Shelf shelf;
  CHECK(lab::try_pull(target, shelf.store) == "");
}

TEST_CASE("a pull goes through the ProxyCommand of the ssh configuration") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const core::ScratchDir home;
  core::write_new_file(home.path() / "config", "Host " + node.variable("LAB_HOST") +
                                                   "\n  ProxyCommand bash -c 'exec 3<>/dev/tcp/" +
                                                   node.variable("LAB_HOST") + "/22; cat <&3 & exec cat >&3'\n");
  puller::Target target = node.target();
  target.ssh_config = home.path() / "config";
  lab::Shelf shelf;
  CHECK(lab::try_pull(target, shelf.store) == "");
}

TEST_CASE("inspect looks at the node and copies nothing") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  const puller::NodeFacts facts = puller::inspect(node.target(method));
  CHECK(facts.database_size_bytes == std::stoull(node.run(kDirectory + "stat -c %s state.db")));
  CHECK(facts.free_bytes > 1U << 20U);
  CHECK(lab::left_behind(node) == "");
}
