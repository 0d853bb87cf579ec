// Pulls that must not happen: each ends in one line that names the thing and the cure, with nothing stored.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"
#include "tests/puller/relay.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

const std::string kServer = "cd /var/lib/rancher/k3s/server; ";

// The error of a pull, after having checked that it is one line and that nothing was stored or left.
std::string refusal(const lab::Node& node, const puller::Target& target) {
  lab::Shelf shelf;
  std::string error = lab::try_pull(target, shelf.store);
  CHECK(error.find('\n') == std::string::npos);
  CHECK(shelf.files().empty());
  CHECK(lab::left_behind(node) == "");
  return error;
}

std::string make_key(const core::ScratchDir& scratch) {
  const std::string path = scratch.path() / "key";
  REQUIRE(core::run_command({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path}}).exit_code == 0);
  return path;
}

}  // namespace

TEST_CASE("an unknown host key is refused with its fingerprint and the command that accepts it") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const core::ScratchDir scratch;
  puller::Target target = node.target();
  target.known_hosts = scratch.path() / "of a user/known_hosts";
  const std::string fingerprint = node.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d ' ' -f 2");
  const std::string error = refusal(node, target);
  CHECK_THAT(error, StartsWith("denied: ") && Contains("unknown host key") && Contains(fingerprint));
  CHECK_FALSE(std::filesystem::exists(*target.known_hosts));
  lab::type_cure_here(error);
  lab::Shelf shelf;
  CHECK(lab::try_pull(target, shelf.store) == "");
}

TEST_CASE("a changed host key is refused with a warning and the command that forgets the old one") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const core::ScratchDir scratch;
  puller::Target target = node.target();
  target.known_hosts = scratch.path() / "known_hosts";
  const std::string other = core::read_file(make_key(scratch) + ".pub");
  core::write_new_file(*target.known_hosts, target.host + " " + other);
  const std::string fingerprint = node.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d ' ' -f 2");
  const std::string error = refusal(node, target);
  CHECK_THAT(error, StartsWith("denied: ") && Contains("HAS CHANGED") && Contains(fingerprint) &&
                        Contains("ssh-keygen -f " + target.known_hosts->string() + " -R '" + target.host + "'"));
  CHECK(core::read_file(*target.known_hosts) == target.host + " " + other);
  lab::type_cure_here(error);
  lab::Shelf shelf;
  CHECK(lab::try_pull(target, shelf.store) == "");
}

TEST_CASE("a configuration that says StrictHostKeyChecking no does not make a host known") {
  NEEDS_LAB();
  const lab::Node node;
  const core::ScratchDir scratch;
  core::write_new_file(scratch.path() / "config", "Host *\n  StrictHostKeyChecking no\n");
  puller::Target target = node.target();
  target.ssh_config = scratch.path() / "config";
  target.known_hosts = scratch.path() / "known_hosts";
  CHECK_THAT(refusal(node, target), StartsWith("denied: ") && Contains("unknown host key"));
}

TEST_CASE("a login key the node does not know is refused, with the user and what was tried") {
  NEEDS_LAB();
  const lab::Node node;
  const core::ScratchDir scratch;
  puller::Target target = node.target();
  target.identity = make_key(scratch);
  CHECK_THAT(refusal(node, target), StartsWith("denied: ubuntu@" + target.host) && Contains("login refused") &&
                                        Contains(target.identity->string() + " (refused)") &&
                                        Contains("authorized_keys"));
}

TEST_CASE("a node without sqlite3 is told how to get it") {
  NEEDS_LAB();
  const lab::Node node({"--no-sqlite3"});
  node.run(
      "mkdir -p /var/lib/rancher/k3s/server/db; cd /var/lib/rancher/k3s/server; echo x >token; echo x >db/state.db");
  CHECK_THAT(refusal(node, node.target(puller::Method::sqlite3)),
             StartsWith("not_found: ") && Contains("install the package sqlite3"));
}

TEST_CASE("a node without state.db, an agent, and a server without a token are told apart") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  CHECK_THAT(refusal(node, node.target(method)),
             StartsWith("not_found: ") && Contains("no /var/lib/rancher/k3s/server/db/state.db"));
  node.run("mkdir -p /var/lib/rancher/k3s/agent");
  CHECK_THAT(refusal(node, node.target(method)), StartsWith("not_found: ") && Contains("is an agent"));
  node.make_database();
  node.run(kServer + "rm token");
  CHECK_THAT(refusal(node, node.target(method)), StartsWith("not_found: ") && Contains("server/token"));
  lab::Shelf shelf;
  puller::Target target = node.target(method);
  target.no_token = puller::NoToken::accepted;
  CHECK(puller::pull(target, shelf.store).snapshot.manifest.find(store::kTokenFile) == nullptr);
}

TEST_CASE("a node that runs embedded etcd is told so, also when an old state.db lies beside") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  node.run(kServer + "mkdir -p db/etcd/member");
  CHECK_THAT(refusal(node, node.target(method)),
             StartsWith("not_found: ") && Contains("embedded etcd") && Contains("k3s etcd-snapshot save"));
}

TEST_CASE("an external datastore is told by its kind wherever it is configured, and its password stays there") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  const std::string endpoint = "mysql://k3s:canary-in-the-endpoint@tcp(db:3306)/k3s";
  const std::vector<std::pair<std::string, std::string>> places{
      {"/etc/rancher/k3s/config.yaml", "token: x\ndatastore-endpoint: \"" + endpoint + "\"\n"},
      {"/etc/rancher/k3s/config.yaml.d/20-db.yaml", "datastore-endpoint: " + endpoint + "\n"},
      {"/etc/systemd/system/k3s.service.env", "K3S_TOKEN=x\nK3S_DATASTORE_ENDPOINT='" + endpoint + "'\n"},
      {"/etc/systemd/system/k3s.service",
       "[Service]\nExecStart=/usr/local/bin/k3s \\\n    server \\\n\t'--datastore-endpoint' \\\n\t'" + endpoint +
           "' \\\n"}};
  for (const auto& [path, content] : places) {
    CAPTURE(path);
    node.run("mkdir -p \"$(dirname " + path + ")\"; cat >" + path + " <<'THE_END'\n" + content + "THE_END");
    const std::string error = refusal(node, node.target(method));
    CHECK_THAT(error, StartsWith("not_found: ") && Contains("external mysql database") && Contains(path) &&
                          !Contains("canary"));
    node.run("rm " + path);
  }
  // Comments, empty values and SQLite's own endpoint are none.
  node.run(
      "printf '#datastore-endpoint: mysql://x\\ndatastore-endpoint: \"\"\\n' >/etc/rancher/k3s/config.yaml\n"
      "echo 'K3S_DATASTORE_ENDPOINT=sqlite:///var/lib/rancher/k3s/server/db/state.db?_journal=WAL' "
      ">/etc/systemd/system/k3s.service.env");
  lab::Shelf shelf;
  CHECK(lab::try_pull(node.target(method), shelf.store) == "");
}

TEST_CASE("a port where nothing listens, an unknown name and a silent host are told apart") {
  lab::Shelf shelf;
  puller::Target target;
  target.cluster = "edge";
  target.ssh_config = "/dev/null";
  target.host = "127.0.0.1";
  target.port = 1;
  CHECK_THAT(lab::try_pull(target, shelf.store), StartsWith("unreachable: 127.0.0.1 port 1: Connection refused"));
  target.host = "no-such-host.invalid";
  target.connect_timeout = std::chrono::seconds(5);
  const std::string error = lab::try_pull(target, shelf.store);
  CHECK_THAT(error, Contains("no-such-host.invalid") && Contains("address"));
  CHECK(shelf.files().empty());
}

TEST_CASE("a proxy that leads nowhere is told as such") {
  lab::Shelf shelf;
  const core::ScratchDir scratch;
  core::write_new_file(scratch.path() / "config", "Host *\n  ProxyCommand exit 1\n");
  puller::Target target;
  target.cluster = "edge";
  target.host = "node.invalid";
  target.ssh_config = scratch.path() / "config";
  CHECK_THAT(lab::try_pull(target, shelf.store),
             StartsWith("unreachable: ") && Contains("proxy") && Contains("node.invalid"));
}

TEST_CASE("a host that accepts and never speaks ends with the connect timeout") {
  NEEDS_LAB();
  const lab::Node node;
  const lab::Relay relay(node, 0);
  puller::Target target = relay.target();
  target.connect_timeout = std::chrono::seconds(1);
  CHECK_THAT(refusal(node, target), StartsWith("timeout: ") && Contains("127.0.0.1 port "));
}

TEST_CASE("a full disk here names this machine and the file") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database(3000, 3800);
  const core::ScratchDir scratch;
  // In a mount namespace of its own, so that no mount outlives the test.
  lab::Fork child([&]() -> std::string {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, "size=2m") != 0)
      return "no tmpfs";
    store::Store store(scratch.path() / "store");
    std::string error = lab::try_pull(node.target(), store);
    if (!std::filesystem::is_empty(scratch.path() / "store/edge")) error += " and something is left";
    return error;
  });
  const std::string error = child.result();
  CHECK_THAT(error, StartsWith("storage: ") && Contains("on this machine") &&
                        Contains("/state.db: No space left on device") && !Contains("something is left"));
  CHECK(lab::left_behind(node) == "");
}

TEST_CASE("too little space on the node is told before anything is copied") {
  NEEDS_LAB();
  const lab::Node node({"--disk", "20m"});
  node.make_database(1500, 3800);
  CHECK_THAT(refusal(node, node.target(puller::Method::sqlite3)), StartsWith("storage: " + node.variable("LAB_HOST")) &&
                                                                      Contains("on the node") &&
                                                                      Contains("/var/lib/rancher/k3s/server/db has"));
}

TEST_CASE("a disk of the node that fills up while copying is told, and the copy removed") {
  NEEDS_LAB();
  const lab::Node node({"--disk", "40m"});
  node.make_database(2000, 3800);
  node.run(
      "cat >/usr/local/bin/sqlite3 <<'END'\n#!/bin/sh\n"
      "case \"$*\" in *state.db) head -c 100m /dev/zero >/var/lib/rancher/ballast 2>/dev/null ;; esac\n"
      "exec /usr/bin/sqlite3 \"$@\"\nEND\nchmod 755 /usr/local/bin/sqlite3");
  CHECK_THAT(refusal(node, node.target(puller::Method::sqlite3)),
             StartsWith("storage: " + node.variable("LAB_HOST")) && Contains("the node's disk"));
}

TEST_CASE("a damaged state.db on the node is told as damage") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  node.run(kServer + "head -c 100000 /dev/zero | tr '\\0' x >db/state.db");
  CHECK_THAT(refusal(node, node.target(method)), StartsWith("damaged: ") && Contains("not a database"));
}

TEST_CASE("no error of a pull and no argument on the node carries a secret") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  lab::Shelf shelf;
  REQUIRE(lab::try_pull(node.target(), shelf.store) == "");
  CHECK(node.run("grep -c COMMAND /var/log/sudo.log") != "0");
  CHECK(node.run("grep -c canary /var/log/sudo.log || true") == "0");
}
