// Which nodes may be given a snapshot, and in what words the others are refused.
#include "restorer/judge.hpp"

#include <algorithm>

#include "tests/catch.hpp"

namespace {

const std::string kCa(64, 'a');
const std::string kOtherCa(64, 'b');
const std::string kToken(64, 'c');

restorer::Wanted snapshot() {
  restorer::Wanted wanted;
  wanted.k3s_version = "v1.36.2+k3s1";
  wanted.size_bytes = 100U << 20U;
  wanted.token_sha256 = kToken;
  wanted.ca_hashes = {kCa};
  return wanted;
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

// "error: ..." and "warning: ...", a line each.
std::string said(const restorer::NodeState& node, const restorer::Wanted& wanted = snapshot()) {
  std::string text;
  for (const core::Finding& finding : restorer::judge(node, wanted, {}))
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
  CHECK_THAT(said(node), Catch::Contains("error: ") && Catch::Contains("move"));
  node.database_size_bytes = 0;
  CHECK(said(node).empty());
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
  node.configured_tokens = {{"/etc/rancher/k3s/config.yaml", kToken}};
  CHECK(said(node).empty());
  node.configured_tokens.push_back({"/etc/systemd/system/k3s.service.env", kOtherCa});
  CHECK_THAT(said(node), Catch::Contains("error: /etc/systemd/system/k3s.service.env"));
  node = same_node();
  node.missing_token_file = "/run/token, which /etc/rancher/k3s/config.yaml names";
  CHECK_THAT(said(node), Catch::Contains("error: ") && Catch::Contains("/run/token"));
}

TEST_CASE("encrypted Secrets need the flag on the node, and another config is said") {
  restorer::NodeState node = same_node();
  restorer::Wanted wanted = snapshot();
  wanted.secrets_encryption = true;
  CHECK_THAT(said(node, wanted), Catch::Contains("error: ") && Catch::Contains("secrets-encryption"));
  node.secrets_encryption = true;
  CHECK(said(node, wanted).empty());
  wanted.config_sha256 = kCa;
  CHECK_THAT(said(node, wanted), Catch::StartsWith("warning: ") && Catch::Contains("is not there"));
  node.config_sha256 = kOtherCa;
  CHECK_THAT(said(node, wanted), Catch::StartsWith("warning: ") && Catch::Contains("another one"));
  node.config_sha256 = kCa;
  CHECK(said(node, wanted).empty());
}
