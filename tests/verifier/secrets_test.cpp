// Check `secrets`: values sealed by encryption at rest, opened with the keys of the bootstrap row.
#include <openssl/evp.h>

#include "core/sha256.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/verify_fixture.hpp"

using core::CheckVerdict;

namespace {

const std::string kPassword = "correct-horse-battery";
const std::string kKeyBytes(32, 'k');
constexpr const char* kSecret = "/registry/secrets/default/sealed";

std::string seal_cbc(const std::string& plaintext) {
  const std::string iv(16, 'i');
  std::string out(plaintext.size() + 32, '\0');
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  const auto bytes = [](const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); };
  int written = 0;
  int rest = 0;
  EVP_EncryptInit_ex(context, EVP_aes_256_cbc(), nullptr, bytes(kKeyBytes), bytes(iv));
  EVP_EncryptUpdate(context, to, &written, bytes(plaintext), static_cast<int>(plaintext.size()));
  EVP_EncryptFinal_ex(context, to + written, &rest);
  EVP_CIPHER_CTX_free(context);
  out.resize(static_cast<std::size_t>(written + rest));
  return "k8s:enc:aescbc:v1:aescbckey:" + iv + out;
}

std::string configuration() {
  return R"({"kind":"EncryptionConfiguration","resources":[{"resources":["secrets"],"providers":[{"aescbc":{"keys":[)"
         R"({"name":"aescbckey","secret":")" +
         base64(kKeyBytes) + R"("}]}},{"identity":{}}]}]})";
}

// A cluster whose secret `kSecret` is stored as `value`, and its token.
verifier::Verification verify_with(const std::string& value, const std::string& config,
                                   std::optional<std::string> token = kPassword) {
  const VerifyFixture fixture;
  fixture.make([&](kine::Database& database) {
    std::map<std::string, std::string> files{{"ServerCA", make_single_ca().pem},
                                             {"PasswdFile", passwd_file(kPassword)}};
    if (!config.empty()) files["EncryptionConfig"] = config;
    database.create("/bootstrap/" + core::sha256_hex(kPassword).substr(0, 12), seal(bundle_json(files), kPassword));
    database.create(kSecret, value);
  });
  return fixture.verify(std::move(token));
}

const std::string kSound = kine::protobuf({"v1", "Secret", "sealed", "default", "uid-sealed"});

}  // namespace

TEST_CASE("A sealed secret is opened, decoded, and known by its uid") {
  const auto result = verify_with(seal_cbc(kSound), configuration());
  CHECK(check_named(result, "secrets").verdict == CheckVerdict::pass);
  CHECK(result.census.sealed == 1);
  CHECK(result.secrets_encryption);
  bool found = false;
  for (const verifier::Object& object : result.objects) found |= object.name == "sealed" && object.uid == "uid-sealed";
  CHECK(found);
}

TEST_CASE("A sealed secret that is damaged, another's, or sealed with a lost key is one finding") {
  std::string cut = seal_cbc(kSound);
  cut.pop_back();
  std::string changed = seal_cbc(kSound);
  changed[60] = static_cast<char>(changed[60] ^ 1);  // aescbc has no tag: this opens to something else
  const auto [value, sentence] = GENERATE_COPY(table<std::string, std::string>(
      {{cut, "does not open it"},
       {changed, "the stored value"},
       {seal_cbc(kine::protobuf({"v1", "Secret", "other", "default", "u"})), "another name than its key"},
       {"k8s:enc:aescbc:v1:lost:0123456789abcdef0123456789abcdef", "does not hold"},
       {"k8s:enc:rot13:v1:a:x", "in a way that Kubernetes does not know"}}));
  const core::Finding finding = only_error(verify_with(value, configuration()), "secrets");
  CHECK(contains(finding.message, sentence));
  CHECK(finding.key == kSecret);
}

TEST_CASE("History that is sealed with a key that was rotated away is a warning, as nobody is served it") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    const std::map<std::string, std::string> files{{"ServerCA", make_single_ca().pem},
                                                   {"PasswdFile", passwd_file(kPassword)},
                                                   {"EncryptionConfig", configuration()}};
    database.create("/bootstrap/" + core::sha256_hex(kPassword).substr(0, 12), seal(bundle_json(files), kPassword));
    database.create(kSecret, "k8s:enc:aescbc:v1:lost:0123456789abcdef0123456789abcdef");
    database.update(kSecret, seal_cbc(kSound));
  });
  const auto result = fixture.verify(kPassword);
  CHECK(check_named(result, "secrets").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(result, "secrets").message, "a later row replaced it"));
}

TEST_CASE("Without a token sealed values skip the check, and with one that does not open the row it cannot run") {
  CHECK(check_named(verify_with(seal_cbc(kSound), configuration(), std::nullopt), "secrets").verdict ==
        CheckVerdict::skipped);
  CHECK(check_named(verify_with(seal_cbc(kSound), configuration(), "wrong"), "secrets").verdict ==
        CheckVerdict::could_not_run);
}

TEST_CASE("Without sealed values there is nothing to open, and the check says so") {
  const auto result = verify_with(kSound, "");
  CHECK(check_named(result, "secrets").verdict == CheckVerdict::pass);
  CHECK(contains(check_named(result, "secrets").findings.at(0).message, "no value is sealed"));
}

TEST_CASE("A configuration that cannot be read, or none at all, fails what is sealed") {
  CHECK(contains(only_error(verify_with(seal_cbc(kSound), "{}"), "secrets").message, "encryption configuration"));
  CHECK(contains(only_error(verify_with(seal_cbc(kSound), ""), "secrets").message, "does not hold"));
}

TEST_CASE("What a key management service sealed is named as not provable here") {
  const auto result = verify_with("k8s:enc:kms:v2:vault:abc", configuration());
  CHECK(check_named(result, "secrets").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(result, "secrets").message, "key management service"));
}
