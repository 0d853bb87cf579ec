// What a real kube-apiserver has sealed, opened with nothing but its database and its token: each provider that k3s
// offers or once offered, on a stand-in that is started, filled through its API, and stopped.
#include <filesystem>
#include <map>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/standin.hpp"
#include "verifier/checks/bootstrap_check.hpp"
#include "verifier/kine/resource.hpp"
#include "verifier/kine/sqlite.hpp"
#include "verifier/objects/object.hpp"
#include "verifier/verify.hpp"

using Outcome = verifier::Opened::Outcome;

namespace {

// With `configuration` instead of the one that the first start makes.
void place(const standin::Server& server, const std::string& configuration) {
  std::filesystem::create_directories(server.directory() / "cred");
  core::write_new_file(server.directory() / "cred/encryption-config.json", configuration);
}

std::string object(const std::string& kind, const std::string& name, const std::string& value) {
  return R"({"apiVersion":"v1","kind":")" + kind + R"(","metadata":{"name":")" + name + R"("},"data":{"value":")" +
         value + "\"}}";
}

// Small and large, written anew, deleted, and in two namespaces.
void fill(const standin::Server& server, const std::string& plural, const std::string& kind) {
  for (const std::string space : {"default", "kube-system"}) {
    const std::string all = "/api/v1/namespaces/" + space + "/" + plural;
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

void check_bootstrap_of(const standin::Server& server) {
  const verifier::Verification result =
      verifier::verify({server.database(), verifier::parse_token(server.token()), std::nullopt});
  CHECK(result.secrets_encryption);
  for (const core::Check& check : result.checks) {
    if (check.name != "bootstrap") continue;
    CHECK(check.verdict == core::CheckVerdict::pass);
    CHECK(check.findings.size() == 5);
    for (const core::Finding& finding : check.findings) CHECK(finding.severity == core::Severity::note);
  }
}

}  // namespace

TEST_CASE("Secrets of a cluster that encrypts them as k3s does by default are opened with its token") {
  NEEDS_STANDIN();
  standin::Server server({"--secrets-encryption"});
  server.start();
  fill(server, "secrets", "Secret");
  server.stop();
  verifier::Database database(server.database());
  const auto opened = verifier::open_bootstrap(database, verifier::parse_token(server.token()));
  REQUIRE(opened);
  const auto secrets = live_values(database, "secrets");
  CHECK(secrets.size() >= 6);
  check_values(secrets, opened->keys, "aescbc", "aescbckey", "Secret");
  check_bootstrap_of(server);
}

TEST_CASE("Values sealed with secretbox and aesgcm are opened, with an older key beside them") {
  NEEDS_STANDIN();
  // One start for both: kube-apiserver takes other resources than the Secrets that k3s seals.
  const std::string secret = R"(","secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}]}})";
  const std::string older = R"({"aescbc":{"keys":[{"name":"aescbckey)" + secret + R"(,{"identity":{}}]})";
  standin::Server server({"--secrets-encryption"});
  place(server,
        R"({"kind":"EncryptionConfiguration","apiVersion":"apiserver.config.k8s.io/v1","resources":[)"
        R"({"resources":["secrets"],"providers":[{"secretbox":{"keys":[{"name":"secretboxkey-2026-11-24T10:00:00Z)" +
            secret + "," + older +
            R"(,{"resources":["configmaps"],"providers":[{"aesgcm":{"keys":[{"name":"aesgcmkey)" + secret + "," +
            older + "]}");
  server.start();
  fill(server, "secrets", "Secret");
  fill(server, "configmaps", "ConfigMap");
  server.stop();
  verifier::Database database(server.database());
  const auto opened = verifier::open_bootstrap(database, verifier::parse_token(server.token()));
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
