// Which machine NODE of `drill restore --to NODE` is.
#include "cli/restore_node.hpp"

#include "core/error.hpp"
#include "tests/catch.hpp"

namespace {

const cli::Config kConfig = cli::parse_config(
    "store: /srv\nclusters:\n"
    "  edge: {host: 10.0.0.2, user: ubuntu, port: 2222, identity: /k, data_dir: /data/k3s, kubeconfig: /k.yaml, "
    "stop_command: s, start_command: t}\n"
    "  lab: {host: lab-node, user: root}\n",
    "config");

}  // namespace

TEST_CASE("NODE is a configured cluster by its name, or by its host with another user") {
  const restorer::Settings edge = cli::find_node(kConfig, "edge", "lab").settings;
  CHECK(edge.target.host == "10.0.0.2");
  CHECK(edge.target.identity == "/k");
  CHECK(edge.kubeconfig == "/k.yaml");
  CHECK(edge.stop_command == "s");
  const restorer::Settings same = cli::find_node(kConfig, "root@10.0.0.2", "lab").settings;
  CHECK(same.target.user == "root");
  CHECK(same.target.port == 2222);
  CHECK(same.target.identity == "/k");
}

TEST_CASE("any other NODE is entered as ssh would, and has its files where the snapshot's cluster has them") {
  const restorer::Settings bare = cli::find_node(kConfig, "admin@[fd00::7]:2200", "edge").settings;
  CHECK(bare.target.host == "fd00::7");
  CHECK(bare.target.user == "admin");
  CHECK(bare.target.port == 2200);
  CHECK_FALSE(bare.target.identity);
  CHECK(bare.target.data_dir == "/data/k3s");
  CHECK(bare.start_command == "t");
  const restorer::Settings plain = cli::find_node(kConfig, "new-node", "nowhere").settings;
  CHECK(plain.target.host == "new-node");
  CHECK_FALSE(plain.target.user);
  CHECK(plain.kubeconfig == "/etc/rancher/k3s/k3s.yaml");
  // The same host behind another port is another machine.
  CHECK_FALSE(cli::find_node(kConfig, "10.0.0.2:22", "edge").settings.target.identity);
}

TEST_CASE("what is no NODE is a usage error") {
  for (const char* node : {"", "@host", "host:", "host:0", "host:65536", "host:ssh", "[fd00::7", "[::1]x", "-oProxy=x",
                           "user@", "a b", "dir/edge"}) {
    INFO(node);
    CHECK_THROWS_WITH(cli::find_node(kConfig, node, "edge"), Catch::Contains("--to '"));
  }
}
