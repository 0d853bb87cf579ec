// What a real kube-apiserver has sealed, opened with nothing but its database and its token: each provider that k3s
// offers or once offered, on a stand-in that is started, filled through its API, and stopped.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>

#include "core/cancel.hpp"
#include "core/fd.hpp"
#include "core/file.hpp"
#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"
#include "verifier/bootstrap_check.hpp"
#include "verifier/object.hpp"
#include "verifier/resource.hpp"
#include "verifier/sqlite.hpp"
#include "verifier/verify.hpp"

using namespace std::chrono_literals;
using Outcome = verifier::Opened::Outcome;

namespace {

std::filesystem::path standin_program() {
  if (const char* standin = std::getenv("DRILL_STANDIN"); standin != nullptr && *standin != '\0') return standin;
  return std::filesystem::path(DRILL_SOURCE_DIR) / "build/k3s-standin";
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool becomes_true(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 90s;
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    core::pause_for(20ms);
  }
  return false;
}

int free_port() {
  const core::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size_bytes = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(socket.get(), generic, size_bytes) == 0);
  REQUIRE(::getsockname(socket.get(), generic, &size_bytes) == 0);
  return ntohs(address.sin_port);
}

// A control plane of this test's own, with secrets encryption.
class Server {
 public:
  // With `configuration` instead of the one that the first start makes.
  void place(const std::string& configuration) const {
    std::filesystem::create_directories(server() / "cred");
    core::write_new_file(server() / "cred/encryption-config.json", configuration);
  }

  void start() {
    const std::string directory = scratch_.path().string();
    child_.emplace(std::vector<std::string>{"/bin/sh",
                                            "-c",
                                            R"(unset K3S_TOKEN K3S_TOKEN_FILE; exec "$@" > "$0" 2>&1)",
                                            log(),
                                            standin_program().string(),
                                            "server",
                                            "--data-dir",
                                            directory,
                                            "--config",
                                            "/dev/null",
                                            "--write-kubeconfig",
                                            directory + "/kubeconfig",
                                            "--https-listen-port",
                                            std::to_string(port_),
                                            "--bind-address=127.0.0.1",
                                            "--node-ip=203.0.113.10",
                                            "--disable-agent",
                                            "--disable-scheduler",
                                            "--disable-controller-manager",
                                            "--egress-selector-mode=cluster",
                                            "--secrets-encryption"});
    becomes_true([&] { return child_->exit_code() || log_says("k3s is up and running"); });
    INFO(content_of(log()));
    REQUIRE_FALSE(child_->exit_code());
    REQUIRE(log_says("k3s is up and running"));
  }

  void stop() {
    ::kill(child_->pid(), SIGTERM);
    REQUIRE(becomes_true([&] { return child_->exit_code().has_value(); }));
    CHECK(child_->exit_code() == 0);
  }

  void send(const std::string& method, const std::string& path, const std::string& body) const {
    const std::filesystem::path tls = server() / "tls";
    const std::string file = (scratch_.path() / "body").string();
    std::ofstream(file) << body;
    const core::CommandResult sent =
        core::run_command({{"curl", "--silent", "--show-error", "--fail", "--cacert", tls / "server-ca.crt", "--cert",
                            tls / "client-admin.crt", "--key", tls / "client-admin.key", "--request", method,
                            "--header", "Content-Type: application/json", "--data-binary", "@" + file, "--output",
                            "/dev/null", "https://127.0.0.1:" + std::to_string(port_) + "/api/v1/namespaces/" + path}});
    INFO(method << " " << path << ": " << sent.err);
    REQUIRE(sent.exit_code == 0);
  }

  std::filesystem::path database() const { return server() / "db/state.db"; }
  std::string token() const { return content_of(server() / "token"); }

 private:
  std::filesystem::path server() const { return scratch_.path() / "server"; }
  std::string log() const { return scratch_.path() / "log"; }
  bool log_says(const std::string& text) const { return content_of(log()).find(text) != std::string::npos; }

  core::ScratchDir scratch_;
  int port_ = free_port();
  std::optional<core::Child> child_;
};

std::string object(const std::string& kind, const std::string& name, const std::string& value) {
  return R"({"apiVersion":"v1","kind":")" + kind + R"(","metadata":{"name":")" + name + R"("},"data":{"value":")" +
         value + "\"}}";
}

// Small and large, written anew, deleted, and in two namespaces.
void fill(const Server& server, const std::string& plural, const std::string& kind) {
  for (const std::string space : {"default", "kube-system"}) {
    const std::string all = space + "/" + plural;
    for (const std::string name : {"one", "two.with.dots", "gone"})
      server.send("POST", all, object(kind, name, "dmFsdWU="));
    server.send("POST", all, object(kind, "large", std::string(500'000, 'A')));
    server.send("PUT", all + "/one", object(kind, "one", "YW5vdGhlcg=="));
    server.send("DELETE", all + "/gone", "{}");
  }
}

// Every live value under /registry/`resource`/, by key.
std::map<std::string, std::string> live_values(verifier::Database& database, const std::string& resource) {
  const std::string prefix = "/registry/" + resource;
  verifier::Statement statement(
      database,
      "SELECT name, value FROM kine JOIN (SELECT max(id) AS id FROM kine WHERE name >= ?1 AND name < ?2 GROUP BY name) "
      "USING (id) WHERE deleted = 0");
  const std::string from = prefix + "/";
  const std::string to = prefix + "0";
  statement.bind(1, from);
  statement.bind(2, to);
  std::map<std::string, std::string> values;
  while (statement.step()) values.emplace(statement.bytes(0), statement.bytes(1));
  return values;
}

// Opens all of them and holds what is inside against the key.
void check_values(const std::map<std::string, std::string>& values, const verifier::EncryptionKeys& keys,
                  const std::string& provider, const std::string& key_name, const std::string& kind) {
  for (const auto& [key, value] : values) {
    INFO(key);
    REQUIRE(verifier::is_sealed(value));
    const verifier::Opened opened = keys.open(value, key);
    REQUIRE(opened.outcome == Outcome::opened);
    CHECK(opened.provider == provider);
    CHECK(opened.key_name == key_name);
    const verifier::StoredObject decoded = verifier::decode_object(opened.plaintext.view());
    CHECK(decoded.kind == kind);
    CHECK(decoded.api_version == "v1");
    CHECK(decoded.name == verifier::parse_key(key).identity.name);
    CHECK(decoded.namespace_name == verifier::parse_key(key).identity.namespace_name);
    CHECK_FALSE(decoded.uid.empty());
  }
}

void check_bootstrap_of(const Server& server) {
  const verifier::Verification result = verifier::verify({server.database(), server.token(), std::nullopt});
  CHECK(result.secrets_encryption);
  for (const core::Check& check : result.checks) {
    if (check.name != "bootstrap") continue;
    CHECK(check.verdict == core::CheckVerdict::pass);
    CHECK(check.findings.size() == 5);
    for (const core::Finding& finding : check.findings) CHECK(finding.severity == core::Severity::note);
  }
}

bool is_missing() {
  if (std::filesystem::exists(standin_program())) return false;
  std::cout << "skipped: there is no stand-in at " << standin_program().string() << "\n";
  return true;
}

}  // namespace

TEST_CASE("Secrets of a cluster that encrypts them as k3s does by default are opened with its token") {
  if (is_missing()) return;
  Server server;
  server.start();
  fill(server, "secrets", "Secret");
  server.stop();
  verifier::Database database(server.database());
  const auto opened = verifier::open_bootstrap(database, server.token());
  REQUIRE(opened);
  const auto secrets = live_values(database, "secrets");
  CHECK(secrets.size() >= 6);
  check_values(secrets, opened->keys, "aescbc", "aescbckey", "Secret");
  check_bootstrap_of(server);
}

TEST_CASE("Values sealed with secretbox and aesgcm are opened, with an older key beside them") {
  if (is_missing()) return;
  // One start for both: kube-apiserver takes other resources than the Secrets that k3s seals.
  const std::string secret = R"(","secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}]}})";
  const std::string older = R"({"aescbc":{"keys":[{"name":"aescbckey)" + secret + R"(,{"identity":{}}]})";
  Server server;
  server.place(
      R"({"kind":"EncryptionConfiguration","apiVersion":"apiserver.config.k8s.io/v1","resources":[)"
      R"({"resources":["secrets"],"providers":[{"secretbox":{"keys":[{"name":"secretboxkey-2026-11-24T10:00:00Z)" +
      secret + "," + older + R"(,{"resources":["configmaps"],"providers":[{"aesgcm":{"keys":[{"name":"aesgcmkey)" +
      secret + "," + older + "]}");
  server.start();
  fill(server, "secrets", "Secret");
  fill(server, "configmaps", "ConfigMap");
  server.stop();
  verifier::Database database(server.database());
  const auto opened = verifier::open_bootstrap(database, server.token());
  REQUIRE(opened);
  CHECK(opened->encryption_problem.empty());
  const auto secrets = live_values(database, "secrets");
  CHECK(secrets.size() >= 6);
  check_values(secrets, opened->keys, "secretbox", "secretboxkey-2026-11-24T10:00:00Z", "Secret");
  const auto config_maps = live_values(database, "configmaps");
  CHECK(config_maps.size() >= 6);
  check_values(config_maps, opened->keys, "aesgcm", "aesgcmkey", "ConfigMap");
  for (const auto& [key, value] : config_maps)
    CHECK(opened->keys.open(value, key + "x").outcome == Outcome::does_not_open);
  check_bootstrap_of(server);
}
