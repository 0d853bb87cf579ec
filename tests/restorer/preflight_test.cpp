// Which nodes may be given a snapshot, and in what words the others are refused.
#include "restorer/preflight.hpp"

#include <algorithm>

#include "tests/catch.hpp"

namespace {

const std::string kCa(64, 'a');
const std::string kOtherCa(64, 'b');
const std::string kToken(64, 'c');

restorer::Requirements snapshot() {
  restorer::Requirements expected;
  expected.k3s_version = "v1.36.2+k3s1";
  expected.size_bytes = 100U << 20U;
  expected.token_sha256 = kToken;
  expected.ca_hashes = {kCa};
  expected.kube_system_uid = "own-uid";
  return expected;
}

restorer::NodeState same_node() {
  restorer::NodeState node;
  node.k3s_version = "v1.36.2+k3s1";
  node.manager = restorer::Manager::systemd;
  node.server = restorer::Server::present;
  node.database_size_bytes = 100U << 20U;
  node.free_bytes = 1U << 30U;
  node.ca_sha256 = kCa;
  node.token_ca = kCa;
  return node;
}

restorer::NodeState bare_node() {
  restorer::NodeState node;
  node.k3s_version = "v1.36.2+k3s1";
  node.manager = restorer::Manager::openrc;
  node.free_bytes = 1U << 30U;
  return node;
}

restorer::OtherCluster other_cluster() {
  restorer::OtherCluster other;
  other.kube_system_uid = "other-uid";
  other.made_at = core::parse_compact("20261128T090000Z");
  other.objects = 180;
  other.of_somebody = {"namespaces/shop", "a", "b", "c", "d", "e"};
  return other;
}

// "error: ..." and "warning: ...", a line each.
std::string said(const restorer::NodeState& node, const restorer::Requirements& expected = snapshot()) {
  std::string text;
  for (const core::Finding& finding : restorer::preflight(node, expected, {}))
    text += std::string(core::to_string(finding.severity)) + ": " + finding.message + "\n";
  return text;
}

}  // namespace

TEST_CASE("the same node and a bare one are taken without a word") {
  CHECK(said(same_node()).empty());
  CHECK(said(bare_node()).empty());
}

TEST_CASE("a node whose k3s has its data, or writes its kubeconfig, elsewhere is refused with the key to set") {
  restorer::NodeState node = bare_node();
  node.other_data_dir = "/mnt/k3s, as /etc/rancher/k3s/config.yaml says";
  CHECK_THAT(said(node), Catch::StartsWith("error: k3s has its data in /mnt/k3s") && Catch::Contains("set data_dir"));
  node = bare_node();
  node.service = restorer::Service::running;
  CHECK_THAT(said(node), Catch::StartsWith("error: k3s runs, and has nothing in") && Catch::Contains("set data_dir"));
  node = same_node();
  node.service = restorer::Service::running;
  CHECK(said(node).empty());
  node.other_config = "/srv/k3s.yaml, as FILE says";
  CHECK_THAT(said(node),
             Catch::StartsWith("error: k3s reads its config from /srv/k3s.yaml") && Catch::Contains("set config_file"));
  node = same_node();
  node.unreadable_configs = {"/etc/rancher/k3s/config.yaml, line 3"};
  CHECK_THAT(said(node), Catch::StartsWith("error: /etc/rancher/k3s/config.yaml, line 3 is not YAML"));
  node = same_node();
  node.other_database = "/srv/x.db, as FILE says";
  CHECK_THAT(said(node), Catch::StartsWith("error: k3s has its database in /srv/x.db, as FILE says"));
  node = same_node();
  node.database_link = "/srv/db/state.db";
  CHECK(said(node).empty());
  node.database_link_lost = true;
  CHECK_THAT(said(node), Catch::Contains("that directory is not there: mount the disk"));
  node.database_link_lost = false;
  node.database_link = "/srv/db/x.db";
  CHECK_THAT(said(node), Catch::StartsWith("error: state.db is a symlink to /srv/db/x.db"));
  node = same_node();
  node.service = restorer::Service::running;
  node.other_kubeconfig = "/root/kube, as FILE says";
  CHECK_THAT(said(node),
             Catch::StartsWith("error: k3s writes its kubeconfig to /root/kube") && Catch::Contains("set kubeconfig"));
}

TEST_CASE("a node that shows another cluster's CA, in its file or its token, is refused") {
  restorer::NodeState node = same_node();
  node.ca_sha256 = kOtherCa;
  CHECK_THAT(said(node), Catch::Contains("error: ") && Catch::Contains("another cluster"));
  node.ca_sha256.clear();
  node.token_ca = kOtherCa;
  CHECK_THAT(said(node), Catch::Contains("another cluster") && Catch::Contains("server/token"));
}

TEST_CASE("a database of which nothing says whose it is is refused, as it would be replaced") {
  restorer::NodeState node = same_node();
  node.ca_sha256.clear();
  node.token_ca.clear();
  CHECK_THAT(said(node), Catch::Contains("error: ") && Catch::Contains("--replace-cluster=unknown"));
  node.other = other_cluster();
  CHECK_THAT(said(node), Catch::Contains("error: ") && Catch::Contains("--replace-cluster=other-uid"));
  node.other->kube_system_uid = "own-uid";
  CHECK(said(node).empty());
  node.other.reset();
  node.database_size_bytes = 0;
  CHECK(said(node).empty());
}

TEST_CASE("another cluster that holds only what k3s makes by itself is taken as new, and said") {
  restorer::NodeState node = same_node();
  node.ca_sha256 = kOtherCa;
  node.other = other_cluster();
  node.other->of_somebody.clear();
  CHECK_THAT(said(node), Catch::StartsWith("warning: the node runs a new, empty cluster of its own") &&
                             Catch::Contains("other-uid") && Catch::Contains("2026-11-28T09:00:00Z: 180 objects") &&
                             Catch::Contains("put aside") && !Catch::Contains("error: "));
  CHECK(restorer::is_another(node, snapshot()));
  SECTION("never when it could not be looked into") { node.other->problem = "no way"; }
  SECTION("never when nothing says that it is a cluster") { node.other->kube_system_uid.clear(); }
  SECTION("never when somebody made something") { node.other->of_somebody = {"namespaces/shop"}; }
  SECTION("never unseen") { node.other.reset(); }
  if (node.other && node.other->is_new()) return;
  CHECK_THAT(said(node), Catch::StartsWith("error: the node runs another cluster"));
}

TEST_CASE("another cluster with somebody's work in it is named, and replaced only by its name") {
  restorer::NodeState node = same_node();
  node.ca_sha256 = kOtherCa;
  node.other = other_cluster();
  CHECK_THAT(said(node), Catch::StartsWith("error: ") && Catch::Contains("--replace-cluster=other-uid") &&
                             Catch::Contains("somebody made namespaces/shop, a, b, c, d and 1 more"));
  restorer::Requirements expected = snapshot();
  for (const char* agreed : {"other-uid", ""}) {
    expected.may_replace = agreed;
    CHECK_THAT(said(node, expected), Catch::StartsWith("warning: the node runs another cluster: other-uid") &&
                                         Catch::Contains("namespaces/shop") && !Catch::Contains("error: "));
  }
  for (const char* agreed : {"own-uid", "other", "ca-bbbbbbbbbbbb"}) {
    expected.may_replace = agreed;
    CHECK_THAT(said(node, expected), Catch::StartsWith("error: "));
  }
  node.other = restorer::OtherCluster{};
  node.other->problem = "no way";
  CHECK_THAT(said(node, expected), Catch::StartsWith("warning: ") && Catch::Contains("no way"));
}

TEST_CASE("a cluster whose CA was rotated since is the snapshot's, as its kube-system says") {
  restorer::NodeState node = same_node();
  node.ca_sha256 = kOtherCa;
  node.other = other_cluster();
  node.other->kube_system_uid = "own-uid";
  CHECK_THAT(said(node), Catch::StartsWith("warning: the node has this cluster") && Catch::Contains("another CA"));
  CHECK_FALSE(restorer::is_another(node, snapshot()));
}

TEST_CASE("an older minor version is refused, a newer one and another patch are said") {
  restorer::NodeState node = same_node();
  for (const char* older : {"v1.35.9+k3s1", "v0.99.0"}) {
    node.k3s_version = older;
    CHECK_THAT(said(node), Catch::Contains("error: ") && Catch::Contains("install v1.36.2+k3s1"));
  }
  node.k3s_version = "v1.37.0+k3s1";
  CHECK_THAT(said(node), Catch::StartsWith("warning: ") && Catch::Contains("upgraded"));
  node.k3s_version = "v1.36.1+k3s1";
  CHECK_THAT(said(node), Catch::StartsWith("warning: ") && !Catch::Contains("upgraded"));
  node.k3s_version = "devel";
  CHECK_THAT(said(node), Catch::StartsWith("warning: ") && Catch::Contains("not compared"));
  node.k3s_version.clear();
  CHECK_THAT(said(node), Catch::Contains("error: no k3s"));
}

TEST_CASE("a node without a service manager, or without room, is refused") {
  restorer::NodeState node = same_node();
  node.manager = restorer::Manager::none;
  CHECK_THAT(said(node), Catch::Contains("error: ") && Catch::Contains("stop_command"));
  node = same_node();
  node.free_bytes = restorer::space_needed(snapshot().size_bytes);
  CHECK(said(node).empty());
  --node.free_bytes;
  CHECK_THAT(said(node), Catch::Contains("error: ") && Catch::Contains("316 are needed"));
}

TEST_CASE("a token that k3s would take before the snapshot's is refused unless it is the same") {
  restorer::NodeState node = same_node();
  node.configured_token = {"/etc/rancher/k3s/config.yaml", kToken};
  CHECK(said(node).empty());
  node.configured_token = {"/etc/systemd/system/k3s.service.env", kOtherCa};
  CHECK_THAT(said(node), Catch::Contains("error: /etc/systemd/system/k3s.service.env"));
  node = same_node();
  node.missing_token_file = "/run/token, which /etc/rancher/k3s/config.yaml names";
  CHECK_THAT(said(node), Catch::Contains("error: ") && Catch::Contains("/run/token"));
}

TEST_CASE("a token that was rotated since the snapshot is said, and another cluster's is not called that") {
  restorer::NodeState node = same_node();
  node.token_sha256 = kToken;
  CHECK(said(node).empty());
  node.token_sha256 = kOtherCa;
  CHECK_THAT(said(node), Catch::StartsWith("warning: ") && Catch::Contains("as after a rotation"));
  node.ca_sha256 = node.token_ca = kOtherCa;
  CHECK_THAT(said(node), !Catch::Contains("rotation"));
}

TEST_CASE("encrypted Secrets need the flag on the node, and another config is said") {
  restorer::NodeState node = same_node();
  restorer::Requirements expected = snapshot();
  expected.secrets_encryption = true;
  CHECK_THAT(said(node, expected), Catch::Contains("error: ") && Catch::Contains("secrets-encryption"));
  node.secrets_encryption = true;
  CHECK(said(node, expected).empty());
  expected.config_sha256 = kCa;
  CHECK_THAT(said(node, expected), Catch::StartsWith("warning: ") && Catch::Contains("is not there"));
  node.config_sha256 = kOtherCa;
  CHECK_THAT(said(node, expected), Catch::StartsWith("warning: ") && Catch::Contains("another one"));
  node.config_sha256 = kCa;
  CHECK(said(node, expected).empty());
}
