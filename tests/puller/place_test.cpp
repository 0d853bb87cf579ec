// A pull against what k3s on the node is told, and what a running one has open: with files as their owner writes them.
#include "core/error.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

const std::string kData = "/var/lib/rancher/k3s";
const std::string kConfig = "/etc/rancher/k3s/config.yaml";

std::string pull(const lab::Node& node, puller::Method method) {
  lab::Shelf shelf;
  const std::string error = lab::try_pull(node.target(method), shelf.store);
  CHECK(error.find('\n') == std::string::npos);
  CHECK(shelf.files().empty() == !error.empty());
  CHECK(lab::left_behind(node) == "");
  return error;
}

void write(const lab::Node& node, const std::string& path, const std::string& text) {
  node.run("mkdir -p \"$(dirname '" + path + "')\"; cat >'" + path + "' <<'THE_END'\n" + text + "THE_END");
}

std::string unit(const std::string& arguments) {
  return "[Unit]\nDescription=Lightweight Kubernetes\n[Service]\nEnvironmentFile=-/etc/default/%N\n"
         "EnvironmentFile=-/etc/systemd/system/k3s.service.env\nExecStart=/usr/local/bin/k3s \\\n    server \\\n" +
         arguments;
}

// A process called k3s that has a database open with its WAL, as k3s has.
class Server {
 public:
  Server(const lab::Node& node, const std::string& database) : writer_(named_k3s(node), "k3s", database) {
    writer_.execute("PRAGMA journal_mode=WAL; CREATE TABLE served(x)");
  }

 private:
  static const lab::Node& named_k3s(const lab::Node& node) {
    node.run("cp \"$(readlink -f /usr/bin/sqlite3)\" /usr/local/bin/k3s");
    return node;
  }

  lab::Writer writer_;
};

}  // namespace

TEST_CASE("an empty config, and an empty part of it, come with the snapshot") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  node.run(": >" + kConfig + "; cd " + kConfig + ".d; rm -f *; : >10.yaml; echo '# nothing' >20.yml");
  node.run("cd " + kConfig + ".d; echo 'a: b' >30.YAML; echo 'a: c' >'40 x.yaml'; echo 'a: d' >40_x.yaml");
  lab::Shelf shelf;
  REQUIRE(lab::try_pull(node.target(method), shelf.store) == "");
  const store::Snapshot snapshot = shelf.store.list("edge").at(0);
  std::string names;
  for (const store::BundleFile& file : snapshot.manifest.bundle)
    names += file.path + " " + std::to_string(file.size_bytes) + "\n";
  CHECK_THAT(names, Contains("token 96\nconfig.yaml 0\nconfig.yaml.d-10.yaml 0\nconfig.yaml.d-20.yml 10\n"
                             "config.yaml.d-30.YAML 5\nconfig.yaml.d-40_x.yaml 5\nconfig.yaml.d-_40_x.yaml 5\n"));
  CHECK(core::read_file(snapshot.file("config.yaml.d-40_x.yaml")) == "a: c\n");
}

TEST_CASE("a database that k3s is told to have elsewhere is not pulled from where an old one was left") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  const std::vector<std::pair<std::string, std::string>> places{
      {kConfig, "data-dir: /mnt/k3s\n"},
      {kConfig + ".d/99.yml", "\"data-dir\": '/mnt/k3s' # moved\n"},
      {"/etc/systemd/system/k3s.service", unit("\t'--data-dir' \\\n\t'/mnt/k3s' \\\n")},
      {"/etc/systemd/system/k3s.service.d/10-data.conf", "[Service]\nEnvironment=K3S_DATA_DIR=/mnt/k3s\n"}};
  for (const auto& [path, text] : places) {
    CAPTURE(path);
    if (path.ends_with(".conf")) write(node, "/etc/systemd/system/k3s.service", unit(""));
    write(node, path, text);
    CHECK_THAT(pull(node, method), StartsWith("not_found: ") && Contains("/mnt/k3s/server/db/state.db, as " + path) &&
                                       Contains("set data_dir of the cluster in the config to /mnt/k3s"));
    node.run("rm '" + path + "'");
  }
  write(node, kConfig, "datastore-endpoint: sqlite:///srv/canary.db?_journal=WAL\n");
  CHECK_THAT(pull(node, method), Contains("/srv/canary.db") && Contains("symlink"));
  node.run("mv " + kData + "/server/db/state.db /srv/canary.db; ln -s /srv/canary.db " + kData + "/server/db/state.db");
  CHECK(pull(node, method) == "");
}

TEST_CASE("a node that has its database elsewhere only is told so, and not that it has none") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  node.run("mv " + kData + " /srv/k3s; echo 'data-dir: /srv/k3s' >" + kConfig);
  CHECK_THAT(pull(node, method), Contains("set data_dir of the cluster in the config to /srv/k3s"));
  puller::Target target = node.target(method);
  target.data_dir = "/srv/k3s";
  lab::Shelf shelf;
  CHECK(lab::try_pull(target, shelf.store) == "");
}

TEST_CASE("a place in other words, a comment and an empty endpoint keep nothing from being pulled") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  node.run("ln -s /var/lib/rancher /srv/rancher");
  write(node, "/etc/systemd/system/k3s.service",
        unit("    --data-dir \"/srv/rancher/k3s/\" \\\n") +
            "# ExecStart=/usr/local/bin/k3s server --datastore-endpoint=mysql://canary@db/x --token canary\n"
            ";ExecStart=/usr/local/bin/k3s server -d /elsewhere\n");
  write(node, kConfig, "\xef\xbb\xbf# data-dir: /elsewhere\r\ndatastore-endpoint: \"\" # sqlite\r\n");
  write(node, "/etc/default/k3s", "#K3S_DATASTORE_ENDPOINT=mysql://canary@db/x\nK3S_DATA_DIR=/elsewhere\n");
  CHECK(pull(node, method) == "");
  write(node, kConfig, "this is: [no YAML\n");
  CHECK(pull(node, method) == "");
}

TEST_CASE("what the running k3s has open decides over what it is told") {
  NEEDS_LAB();
  const auto method = GENERATE(puller::Method::helper, puller::Method::sqlite3);
  const lab::Node node;
  node.make_database();
  SECTION("elsewhere") {
    node.run("mkdir -p /mnt/k3s/server/db");
    const Server server(node, "/mnt/k3s/server/db/state.db");
    CHECK_THAT(pull(node, method), StartsWith("not_found: ") && Contains("the running k3s (process ") &&
                                       Contains("/mnt/k3s/server/db/state.db, and not in " + kData) &&
                                       Contains("data_dir"));
  }
  SECTION("here, and elsewhere from its next start on") {
    const Server server(node, kData + "/server/db/state.db");
    write(node, kConfig, "data-dir: /mnt/k3s\n");
    CHECK(pull(node, method) == "");
  }
  SECTION("under a name that it has lost") {
    const Server server(node, kData + "/server/db/state.db");
    node.run("cd " + kData + "/server/db; cp state.db new; mv new state.db");
    CHECK_THAT(pull(node, method), Contains("deleted or replaced") && Contains("restart k3s"));
  }
}

TEST_CASE("without a systemd that answers, unit and drop-ins are found where it looks for them") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  node.run("mount --bind /bin/false \"$(command -v systemctl)\"; ! systemctl show k3s.service");
  const std::string drop_in = "k3s.service.d/10-data.conf";
  const std::string moved = "[Service]\nExecStart=\nExecStart=/usr/local/bin/k3s server --data-dir=/mnt/k3s\n";
  write(node, "/etc/systemd/system/k3s.service", unit("\t-d /elsewhere\n"));
  write(node, "/run/systemd/system/" + drop_in, moved);
  for (const puller::Method method : {puller::Method::helper, puller::Method::sqlite3})
    CHECK_THAT(pull(node, method), Contains("/mnt/k3s/server/db/state.db, as /run/systemd/system/" + drop_in));
  write(node, "/etc/systemd/system/" + drop_in, "[Service]\nExecStart=\nExecStart=/usr/local/bin/k3s server\n");
  CHECK(pull(node, puller::Method::helper) == "");
}

TEST_CASE("a node of busybox and OpenRC tells the files of its service") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  node.install_busybox();
  write(node, "/etc/init.d/k3s",
        "#!/sbin/openrc-run\ncommand=/usr/local/bin/k3s\ncommand_args=\"server \\\n    '--data-dir' \\\n    '/mnt/k3s' "
        "\\\n    >>/var/log/k3s.log 2>&1\"\n");
  for (const puller::Method method : {puller::Method::helper, puller::Method::sqlite3})
    CHECK_THAT(pull(node, method), Contains("/mnt/k3s/server/db/state.db, as /etc/init.d/k3s says"));
}

TEST_CASE("an older drill-node that tells no files is checked by its own words") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const std::string program = "/var/lib/k3s-drill/drill-node";
  CHECK(pull(node, puller::Method::helper) == "");
  write(node, kConfig, "data-dir: /mnt/k3s\n");
  node.allow_only(puller::sudoers_line(node.target(), "ubuntu"));
  node.run("mv " + program + " /usr/local/bin/real-node");
  const auto as_older = [&](const std::string& edit) {
    node.run("cat >" + program +
             " <<'THE_END'\n#!/bin/sh\n/usr/local/bin/real-node \"$@\" | LC_ALL=C sed '/^fact told /d; " + edit +
             "'\nTHE_END\nchmod 700 " + program);
    return pull(node, puller::Method::helper);
  };
  CHECK(as_older("") == "");
  CHECK_THAT(puller::inspect(node.target()).warnings.at(0), StartsWith("it is not known what k3s there is told"));
  CHECK_THAT(as_older("s/^item token .*/problem external mysql \\/etc\\/x.env/"),
             StartsWith("not_found: ") && Contains("external mysql database (datastore-endpoint in /etc/x.env)"));
}

TEST_CASE("a doctor's look says what keeps no pull from being made") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  write(node, kConfig, "token: [\n");
  const puller::NodeFacts facts = puller::inspect(node.target());
  REQUIRE(facts.warnings.size() == 1);
  CHECK_THAT(facts.warnings[0], Contains(kConfig) && Contains("not YAML"));
}
