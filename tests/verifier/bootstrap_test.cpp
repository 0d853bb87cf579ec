// Check bootstrap: the token forms of k3s, the sealed row, and what a restore would do with each wrong one.
#include "core/sha256.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/sealed_row_vector.hpp"
#include "tests/verifier/verify_fixture.hpp"
#include "verifier/checks/bootstrap_check.hpp"
#include "verifier/keys/bundle.hpp"
#include "verifier/keys/token.hpp"

using core::CheckVerdict;

namespace {

const std::string kPassword = "correct-horse-battery";

std::string key_of(const std::string& secret) { return "/bootstrap/" + core::sha256_hex(secret).substr(0, 12); }

struct Sealed {
  CaFile ca = make_single_ca();
  std::map<std::string, std::string> files = sound_files(ca, kPassword);
  std::string key = key_of(kPassword);
  std::string passphrase = kPassword;

  std::string value() const { return seal(bundle_json(files), passphrase); }
  std::string token() const { return "K10" + core::sha256_hex(ca.pem) + "::server:" + kPassword + "\n"; }
};

verifier::Verification verify_row(const std::string& key, const std::string& value, const std::string& token) {
  const VerifyFixture fixture;
  fixture.make([&](kine::Database& database) { database.create(key, value); });
  return fixture.verify(token);
}

// Made for this; `openssl pkey -pubout -outform DER | sha256sum` says what its public part hashes to.
constexpr const char* kEcKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmdCDPNWmN/EfvDYN\n"
    "zweULg7dZgVBnRXMymUt/KIJB9OhRANCAARBG2RmCYXz40RaL0apk5ZAsxNkrde3\n"
    "hK121D4sXbWWOhOHkR2UySpUDRS0Y0dCMM/BbGkeVosFWHKr38lT0Twk\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kEcKeyHash = "71eb2d5116ea2090e92a7156e90d9abe8a958ce03df4c38b68c947821ecac93e";

}  // namespace

TEST_CASE("A row sealed by another implementation of k3s's format is opened, in every form of its token") {
  const std::string password = vector::kPassword;
  const std::string token = GENERATE_COPY(
      std::string(vector::kPassword), password + "\n\n", "K10" + std::string(vector::kCaHash) + "::server:" + password,
      "K10::server:" + password, "K10" + std::string(vector::kCaHash) + "::node:" + password);
  const auto result = verify_row(vector::kKey, vector::kSealed, token);
  CHECK(check_named(result, "bootstrap").verdict == CheckVerdict::pass);
  for (const auto& finding : check_named(result, "bootstrap").findings) {
    INFO(finding.message);
    CHECK(contains(finding.message, "CA expires 2035-12-30 (in "));
  }
  CHECK(check_named(result, "bootstrap").findings.size() == 5);
  CHECK_FALSE(result.secrets_encryption);
}

TEST_CASE("A bundle of the old format and one with an encryption configuration are read") {
  Sealed sealed;
  const auto old = verify_row(sealed.key, seal(old_bundle_json(sealed.files), kPassword), sealed.token());
  CHECK(check_named(old, "bootstrap").verdict == CheckVerdict::pass);
  sealed.files["EncryptionConfig"] = "{}";
  const auto encrypted = verify_row(sealed.key, sealed.value(), sealed.token());
  CHECK(check_named(encrypted, "bootstrap").verdict == CheckVerdict::pass);
  CHECK(encrypted.secrets_encryption);
}

TEST_CASE("A CA file of several certificates is known by the hash of its root") {
  Sealed sealed;
  const CaFile chain = make_ca_chain();
  sealed.files["ServerCA"] = chain.pem;
  sealed.files["ServerCAKey"] = chain.key_pem;
  const std::string token = "K10" + core::sha256_hex(chain.root_der) + "::server:" + kPassword;
  CHECK(check_named(verify_row(sealed.key, sealed.value(), token), "bootstrap").verdict == CheckVerdict::pass);
}

TEST_CASE("Rows sealed as old k3s did are opened with a warning") {
  Sealed sealed;
  const std::string written = "K10" + core::sha256_hex(sealed.ca.pem) + "::server:" + kPassword;
  const auto as_written = verify_row(key_of(written), seal(bundle_json(sealed.files), written), written + "\n");
  CHECK(check_named(as_written, "bootstrap").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(as_written, "bootstrap").message, "as it is written"));
  const auto empty = verify_row("/bootstrap/e3b0c44298fc", seal(bundle_json(sealed.files), ""), written);
  CHECK(check_named(empty, "bootstrap").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(empty, "bootstrap").message, "an empty token"));
}

TEST_CASE("Without a token check bootstrap is skipped and says so") {
  const VerifyFixture fixture;
  fixture.make();
  const auto result = fixture.verify();
  CHECK(check_named(result, "bootstrap").verdict == CheckVerdict::skipped);
  CHECK(contains(only_warning(result, "bootstrap").message, "no token was given"));
}

TEST_CASE("Each wrong row or token is one finding that says what a restore would do") {
  const Sealed sealed;
  const auto message = [&](const std::string& key, const std::string& value, const std::string& token) {
    return only_error(verify_row(key, value, token), "bootstrap").message;
  };
  const std::string key = sealed.key;
  const std::string value = sealed.value();
  CHECK(contains(message("/other", "x", sealed.token()), "there is no bootstrap row"));
  CHECK(contains(message(key, value, "wrong"), "bootstrap data already found and encrypted with different token"));
  CHECK(contains(message(key, "", sealed.token()), "not finished"));
  CHECK(contains(message(key, value + "A", sealed.token()), "not of the form"));
  CHECK(contains(message(key, "no colon", sealed.token()), "not of the form"));
  CHECK(contains(message(key, "0123456789abcdef:AAAA", sealed.token()), "not of the form"));
  std::string flipped = value;
  flipped[40] = flipped[40] == 'A' ? 'B' : 'A';
  CHECK(contains(message(key, flipped, sealed.token()), "the row is damaged"));
  CHECK(contains(message(key, seal("{", kPassword), sealed.token()), "no valid JSON"));
  CHECK(contains(message(key, value, "K10abc::server:x"), "not 64 digits"));
  CHECK(contains(message(key, value, "K10nothing"), "not of the form K10"));
  CHECK(contains(message(key, value, "abcdef.0123456789abcdef"), "kubeadm"));
  CHECK(contains(message(key, value, "\n"), "it is empty"));
  CHECK(contains(message(key, value, "K10" + std::string(64, 'a') + "::server:" + kPassword), "another cluster CA"));
}

TEST_CASE("A bootstrap row of another token beside the right one is a warning with what to do") {
  const Sealed sealed;
  const VerifyFixture two;
  two.make([&](kine::Database& database) {
    database.create(sealed.key, sealed.value());
    database.create(key_of("other"), "x");
  });
  const auto result = two.verify(sealed.token());
  CHECK(check_named(result, "bootstrap").verdict == CheckVerdict::pass);
  CHECK_FALSE(result.ca_sha256.empty());
  const core::Finding finding = only_warning(result, "bootstrap");
  CHECK(finding.key == key_of("other"));
  CHECK(contains(finding.message, "found multiple bootstrap keys in storage"));
  CHECK(contains(finding.message, "delete this key from table kine"));
}

TEST_CASE("A bootstrap row that old k3s sealed, beside the right one, is dropped by k3s and a warning if it opens") {
  const Sealed sealed;
  const std::string written = sealed.token().substr(0, sealed.token().size() - 1);
  const std::string secret = GENERATE(false, true) ? written : std::string();
  const bool opens = GENERATE(true, false);
  const VerifyFixture two;
  two.make([&](kine::Database& database) {
    database.create(key_of(secret), opens ? seal(bundle_json(sealed.files), secret) : std::string());
    database.create(sealed.key, sealed.value());
  });
  const auto result = two.verify(sealed.token());
  CHECK_FALSE(result.ca_sha256.empty());
  if (opens) {
    CHECK(check_named(result, "bootstrap").verdict == CheckVerdict::pass);
    const core::Finding finding = only_warning(result, "bootstrap");
    CHECK(finding.key == key_of(secret));
    CHECK(contains(finding.message, "drops this one when it starts"));
  } else {
    CHECK(only_error(result, "bootstrap").key == key_of(secret));
    CHECK(contains(only_error(result, "bootstrap").message, "would refuse to start"));
  }
}

TEST_CASE("Of bootstrap rows that none fits the token, and of a damaged right one beside another, k3s starts on none") {
  const Sealed sealed;
  const VerifyFixture foreign;
  foreign.make([&](kine::Database& database) {
    database.create(key_of("other"), "x");
    database.create(key_of("another"), "x");
  });
  CHECK(contains(only_error(foreign.verify(sealed.token()), "bootstrap").message, "different token"));
  const VerifyFixture damaged;
  damaged.make([&](kine::Database& database) {
    database.create(key_of("other"), "x");
    database.create(sealed.key, "x");
  });
  CHECK(only_error(damaged.verify(sealed.token()), "bootstrap").key == std::nullopt);
}

TEST_CASE("A deleted bootstrap row and an overwritten one do not count") {
  const Sealed sealed;
  const VerifyFixture one;
  one.make([&](kine::Database& database) {
    database.create(key_of("other"), "x");
    database.remove(key_of("other"));
    database.create(sealed.key, "");
    database.update(sealed.key, sealed.value());
  });
  const auto result = one.verify(sealed.token());
  CHECK(check_named(result, "bootstrap").verdict == CheckVerdict::pass);
}

TEST_CASE("A bundle without a CA, with another server secret, or without one is a finding") {
  const auto message = [](Sealed sealed) {
    return only_error(verify_row(sealed.key, sealed.value(), sealed.token()), "bootstrap").message;
  };
  Sealed sealed;
  sealed.files["PasswdFile"] = passwd_file("another");
  CHECK(contains(message(sealed), "another server secret"));
  sealed.files["PasswdFile"] = "";
  CHECK(contains(message(sealed), "no entry for servers"));
  sealed.files["PasswdFile"] = passwd_file(kPassword);
  sealed.files["ServerCA"] = "no certificate";
  CHECK(contains(message(sealed), "holds no certificate"));
  sealed.files.erase("ServerCA");
  CHECK(contains(message(sealed), "holds no ServerCA"));
}

TEST_CASE("What other checks need of the row is handed on, and read of another snapshot without findings") {
  Sealed sealed;
  sealed.files["EncryptionConfig"] =
      R"({"kind":"EncryptionConfiguration","apiVersion":"apiserver.config.k8s.io/v1","resources":[{"resources":)"
      R"(["secrets"],"providers":[{"aescbc":{"keys":[{"name":"aescbckey","secret":"AAAAAAAAAAAAAAAAAAAAAA=="}]}}]}]})";
  sealed.files["ServiceKey"] = make_rsa_key() + kEcKey;
  const VerifyFixture fixture;
  fixture.make([&](kine::Database& database) { database.create(sealed.key, sealed.value()); });
  verifier::Database database(fixture.path());
  const auto opened = verifier::open_bootstrap(database, verifier::parse_token(sealed.token()));
  REQUIRE(opened);
  CHECK(opened->ca_sha256 == core::sha256_hex(sealed.ca.pem));
  REQUIRE(opened->service_account_keys.size() == 2);
  CHECK(opened->service_account_keys[1] == kEcKeyHash);
  CHECK(opened->secrets_encryption);
  CHECK_FALSE(opened->keys.empty());
  CHECK(opened->encryption_problem.empty());
  CHECK_FALSE(verifier::open_bootstrap(database, std::nullopt));
  CHECK_FALSE(verifier::open_bootstrap(database, verifier::parse_token("another token")));
  CHECK_FALSE(verifier::open_bootstrap(database, verifier::parse_token("K10abc::server:x")));
}

TEST_CASE("An encryption configuration that gives no keys is a problem for who needs them, and not of the row") {
  Sealed sealed;
  sealed.files["EncryptionConfig"] = "{}";
  sealed.files.erase("ServiceKey");
  const VerifyFixture fixture;
  fixture.make([&](kine::Database& database) { database.create(sealed.key, sealed.value()); });
  verifier::Database database(fixture.path());
  const auto opened = verifier::open_bootstrap(database, verifier::parse_token(sealed.token()));
  REQUIRE(opened);
  CHECK(opened->secrets_encryption);
  CHECK(opened->keys.empty());
  CHECK(contains(opened->encryption_problem, "the encryption configuration cannot be used"));
  CHECK(opened->service_account_keys.empty());
}

TEST_CASE("The server secret is found behind CSV quotes") {
  CHECK(verifier::server_secret("a,node,node,k3s:agent\n\"p,\"\"q\",server,server,k3s:server\n")->view() == "p,\"q");
  CHECK_FALSE(verifier::server_secret("a,node,node,k3s:agent\n"));
}

TEST_CASE("No finding of check bootstrap carries the token, the password or anything sealed") {
  Sealed sealed;
  sealed.files["PasswdFile"] = passwd_file("canary-in-passwd");
  for (const std::string& token : {sealed.token(), std::string("canary-token"), "K10canary::server:" + kPassword,
                                   "K10" + std::string(64, 'a') + "::server:" + kPassword})
    for (const auto& finding :
         std::vector(check_named(verify_row(sealed.key, sealed.value(), token), "bootstrap").findings))
      for (const char* secret : {"canary", kPassword.c_str()}) CHECK_FALSE(contains(finding.message, secret));
}
