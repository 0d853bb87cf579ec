// Encryption at rest: values sealed by other implementations, every way in which one does not open, and every
// configuration that gives no keys.
#include "verifier/keys/encryption.hpp"

#include <random>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/sealed_values_vector.hpp"

using Outcome = verifier::Opened::Outcome;

namespace {

std::string decoded(const char* text) { return std::string(core::decode_base64(text)->view()); }

verifier::EncryptionKeys vector_keys() { return verifier::EncryptionKeys(decoded(sealed_values::kConfiguration)); }

verifier::Opened open(const std::string& stored) {
  static const verifier::EncryptionKeys keys = vector_keys();
  return keys.open(stored, sealed_values::kEtcdKey);
}

std::string with_providers(const std::string& providers) {
  return R"({"kind":"EncryptionConfiguration","apiVersion":"apiserver.config.k8s.io/v1","resources":[{"resources":)"
         R"(["secrets"],"providers":[)" +
         providers + "]}]}";
}

std::string provider(const std::string& name, const std::string& keys) {
  return "{\"" + name + "\":{\"keys\":[" + keys + "]}}";
}

std::string key(const std::string& name, std::size_t size_bytes) {
  return "{\"name\":\"" + name + "\",\"secret\":\"" + base64(std::string(size_bytes, 'c')) + "\"}";
}

std::string problem_of(const std::string& configuration) {
  try {
    const verifier::EncryptionKeys keys(configuration);
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::damaged);
    return error.what();
  }
  return "none";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Values sealed by other implementations are opened, each with its own key of many") {
  for (const auto& value : sealed_values::kValues) {
    INFO(value.provider << " " << value.key_name);
    const std::string stored = decoded(value.stored);
    const verifier::Opened opened = open(stored);
    REQUIRE(opened.outcome == Outcome::opened);
    CHECK(opened.plaintext.view() == decoded(sealed_values::kPlaintext));
    CHECK(opened.provider == value.provider);
    CHECK(opened.key_name == value.key_name);
    CHECK(opened.key_name.data() > stored.data());  // a view into the value
    CHECK(opened.key_name.data() < stored.data() + stored.size());
  }
}

TEST_CASE("A value opens again and again with the same keys, also after one that did not") {
  for (int round = 0; round < 3; ++round) {
    for (const auto& value : sealed_values::kValues) {
      std::string stored = decoded(value.stored);
      stored[stored.size() - 17] ^= 1;  // aescbc: the last byte of the padding is changed by it
      CHECK(open(stored).outcome == Outcome::does_not_open);
      CHECK(open(decoded(value.stored)).outcome == Outcome::opened);
    }
  }
}

TEST_CASE("What is authenticated does not open with any byte changed, and aesgcm not under another key") {
  for (const auto& value : sealed_values::kValues) {
    if (std::string(value.provider) == "aescbc") continue;
    const std::string stored = decoded(value.stored);
    const std::size_t payload =
        std::string("k8s:enc::v1::").size() + std::string(value.provider).size() + std::string(value.key_name).size();
    for (std::size_t at = payload; at < stored.size(); at += 5) {
      std::string damaged = stored;
      damaged[at] ^= 0x20;
      INFO(value.provider << " byte " << at);
      CHECK(open(damaged).outcome == Outcome::does_not_open);
    }
    const auto elsewhere = vector_keys().open(stored, "/registry/secrets/team-b/login");
    CHECK((elsewhere.outcome == Outcome::opened) == (std::string(value.provider) == "secretbox"));
  }
}

TEST_CASE("A truncated value does not open and reads nothing beyond its end") {
  for (const auto& value : sealed_values::kValues) {
    const std::string stored = decoded(value.stored);
    const std::string prefix = std::string("k8s:enc:") + value.provider + ":v1:" + value.key_name + ":";
    for (std::size_t size = prefix.size(); size < stored.size(); ++size) {
      // On the heap at its very size, for the sanitizers.
      const std::vector<char> cut(stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(size));
      const verifier::Opened opened = vector_keys().open({cut.data(), cut.size()}, sealed_values::kEtcdKey);
      INFO(prefix << " " << size);
      CHECK(opened.outcome == Outcome::does_not_open);
      CHECK(opened.key_name == value.key_name);
    }
    for (std::size_t size = std::string("k8s:enc:").size(); size < prefix.size(); ++size)
      CHECK(open(prefix.substr(0, size)).outcome != Outcome::opened);
  }
}

TEST_CASE("Values that no key fits are told apart, with what they say of themselves") {
  struct Case {
    std::string stored;
    Outcome outcome;
    std::string provider;
    std::string key_name;
  };
  const std::string junk = "\x01\x80:\xff payload";
  for (const Case& each : {
           Case{"k8s:enc:aescbc:v1:gone:" + junk, Outcome::no_such_key, "aescbc", "gone"},
           Case{"k8s:enc:aescbc:v1:gone-2026-11-24T10:00:00Z:" + junk, Outcome::no_such_key, "aescbc",
                "gone-2026-11-24T10:00:00Z"},
           Case{"k8s:enc:aescbc:v1:aesgcmkey:" + junk, Outcome::no_such_key, "aescbc", "aesgcmkey"},
           Case{"k8s:enc:secretbox:v1::" + junk, Outcome::no_such_key, "secretbox", ""},
           Case{"k8s:enc:aesgcm:v1:", Outcome::no_such_key, "aesgcm", ""},
           Case{"k8s:enc:aesgcm:v1:aesgcmkey", Outcome::no_such_key, "aesgcm", ""},
           Case{"k8s:enc:aesgcm:v1:aesgcmkey:", Outcome::does_not_open, "aesgcm", "aesgcmkey"},
           Case{"k8s:enc:aesgcm:v2:aesgcmkey:" + junk, Outcome::unknown_provider, "aesgcm", ""},
           Case{"k8s:enc:aesgcm", Outcome::unknown_provider, "", ""},
           Case{"k8s:enc:", Outcome::unknown_provider, "", ""},
           Case{"k8s:enc::", Outcome::unknown_provider, "", ""},
           Case{"k8s:enc:identity:v1:x:" + junk, Outcome::unknown_provider, "identity", ""},
           Case{"k8s:enc:kms:v1:vault:" + junk, Outcome::kms, "kms", "vault"},
           Case{"k8s:enc:kms:v2:vault:" + junk, Outcome::kms, "kms", "vault"},
           Case{"k8s:enc:kms:v3:vault:" + junk, Outcome::unknown_provider, "kms", ""},
           Case{"k8s:enc:kms:v2", Outcome::unknown_provider, "kms", ""},
       }) {
    INFO(each.stored);
    const verifier::Opened opened = open(each.stored);
    CHECK(opened.outcome == each.outcome);
    CHECK(opened.provider == each.provider);
    CHECK(opened.key_name == each.key_name);
    CHECK(opened.plaintext.view().empty());
    if (each.outcome == Outcome::does_not_open) continue;
    CHECK(verifier::EncryptionKeys().open(each.stored, "/registry/secrets/a/b").outcome == each.outcome);
  }
}

TEST_CASE("Of two keys of one name the one that fits opens the value, whatever their order") {
  // The names in the vector's configuration are unique; another key of the same name is put before and behind.
  const std::string configuration = decoded(sealed_values::kConfiguration);
  for (const auto& value : sealed_values::kValues) {
    if (std::string(value.provider) == "aescbc") continue;  // a wrong key may leave a padding that looks right
    const std::string other = provider(value.provider, key(value.key_name, 32));
    const std::string opening = "\"providers\":[";
    const std::size_t first = configuration.find(opening) + opening.size();
    const std::size_t last = configuration.rfind("]}]}");
    std::string before = configuration;
    before.insert(first, other + ",");
    std::string behind = configuration;
    behind.insert(last, "," + other);
    for (const std::string& both : {before, behind}) {
      INFO(value.provider << " " << value.key_name);
      CHECK(verifier::EncryptionKeys(both).open(decoded(value.stored), sealed_values::kEtcdKey).outcome ==
            Outcome::opened);
    }
  }
}

TEST_CASE("A wrong aescbc key now and then opens a value to nothing that is an object") {
  const verifier::EncryptionKeys keys(with_providers(provider("aescbc", key("k", 32))));
  std::mt19937 random(1);  // NOLINT: the same values each time
  int opened = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string stored = "k8s:enc:aescbc:v1:k:";
    for (int byte = 0; byte < 48; ++byte) stored += static_cast<char>(random());
    const verifier::Opened result = keys.open(stored, "/registry/secrets/a/b");
    if (result.outcome != Outcome::opened) continue;
    ++opened;
    CHECK_FALSE(result.plaintext.view().starts_with(std::string_view("k8s\0", 4)));
  }
  CHECK(opened > 0);
  CHECK(opened < 30);  // one of 255
}

TEST_CASE("Configurations without keys of our own are read for what they are") {
  CHECK(verifier::EncryptionKeys().empty());
  CHECK_FALSE(verifier::EncryptionKeys().has_kms());
  const verifier::EncryptionKeys identity(with_providers("{\"identity\":{}}"));
  CHECK(identity.empty());
  CHECK_FALSE(identity.has_kms());
  const verifier::EncryptionKeys kms(with_providers(
      R"({"kms":{"apiVersion":"v2","name":"vault","endpoint":"unix:///run/kms.sock"}},{"identity":{}})"));
  CHECK(kms.empty());
  CHECK(kms.has_kms());
  const verifier::EncryptionKeys disabled(
      with_providers("{\"identity\":{}}," + provider("aescbc", key("aescbckey", 32))));
  CHECK_FALSE(disabled.empty());
  CHECK_FALSE(disabled.has_kms());
  CHECK_FALSE(vector_keys().empty());
  CHECK(problem_of(with_providers(R"({"aescbc":{"keys":[{"secret":")" + base64(std::string(16, 'c')) +
                                  R"(","name":"k"}]},"aesgcm":null})")) == "none");
}

TEST_CASE("A configuration that gives no keys is refused with the reason, and without a word of it") {
  const std::string good = key("canary", 32);
  for (const auto& [configuration, reason] : std::vector<std::pair<std::string, std::string>>{
           {"", "no valid JSON"},
           {"{", "no valid JSON"},
           {"canary", "no valid JSON"},
           {"kind: EncryptionConfiguration\n", "no valid JSON"},
           {with_providers(provider("aescbc", good)) + "canary", "no valid JSON"},
           {"{}", "is no EncryptionConfiguration"},
           {"[]", "is no EncryptionConfiguration"},
           {R"({"kind":"canary","resources":[]})", "is no EncryptionConfiguration"},
           {R"({"kind":"EncryptionConfiguration"})", "names no provider"},
           {R"({"kind":"EncryptionConfiguration","resources":[]})", "names no provider"},
           {with_providers(""), "names no provider"},
           {with_providers("{}"), "names no provider"},
           {with_providers("{\"canary\":{}}"), "names no provider"},
           {with_providers("{\"aescbc\":null}"), "names no provider"},
           {with_providers("{\"aescbc\":{}}"), "a provider without keys"},
           {with_providers(provider("secretbox", "")), "a provider without keys"},
           {with_providers(provider("aescbc", good) + "," + provider("aesgcm", "")), "a provider without keys"},
           {with_providers(provider("aescbc", R"({"secret":"AAAA"})")), "a key without a name"},
           {with_providers(provider("aescbc", R"({"name":"canary"})")), "a key without a secret"},
           {with_providers(provider("aescbc", good + R"(,{"name":"canary"})")), "a key without a secret"},
           {with_providers(provider("aescbc", R"({"name":"canary","secret":7})")), "a key without a secret"},
           {with_providers(provider("aescbc", R"({"name":"canary","secret":"canary!"})")), "no base64"},
           {with_providers(provider("aescbc", key("canary", 31))), "of a length that its provider does not take"},
           {with_providers(provider("aesgcm", key("canary", 0))), "of a length that its provider does not take"},
           {with_providers(provider("aesgcm", key("canary", 64))), "of a length that its provider does not take"},
           {with_providers(provider("secretbox", key("canary", 16))), "of a length that its provider does not take"},
           {std::string(20'000, '['), "deeper"},
       }) {
    const std::string problem = problem_of(configuration);
    INFO(configuration.substr(0, 200) << ": " << problem);
    CHECK(has(problem, reason));
    CHECK(has(problem, "the encryption configuration cannot be used"));
    CHECK_FALSE(has(problem, "canary"));
  }
}

TEST_CASE("Keys elsewhere in a configuration than where Kubernetes looks are no keys") {
  const std::string keys = R"({"keys":[)" + key("k", 32) + "]}";
  CHECK(has(problem_of(R"({"kind":"EncryptionConfiguration","resources":{"providers":[{"aescbc":)" + keys + "}]}}"),
            "names no provider"));
  CHECK(has(problem_of(R"({"kind":"EncryptionConfiguration","other":[{"providers":[{"aescbc":)" + keys + "}]}]}"),
            "names no provider"));
  CHECK(verifier::EncryptionKeys(with_providers(R"({"identity":)" + keys + "}")).empty());
}
