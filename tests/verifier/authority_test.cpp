// The certificates and keys that a restored server signs with: sound, unreadable, mismatched, missing, about to expire.
#include "core/sha256.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "verifier/checks/authority_checks.hpp"
#include "verifier/keys/certificate.hpp"

using namespace std::chrono_literals;
using core::CheckVerdict;
using core::Severity;

namespace {

using Files = std::map<std::string, std::string>;

// Every CA of the files made here expires then.
constexpr std::chrono::sys_seconds kExpiry = std::chrono::sys_days(2036y / 9 / 20) + 10h;

CaFile& shared_ca() {
  static CaFile ca = make_single_ca(kExpiry);
  return ca;
}

Files sound() { return sound_files(shared_ca(), "password"); }

core::Check check_at(const Files& files, std::chrono::sys_seconds now) {
  const verifier::Bundle bundle = verifier::parse_bundle(bundle_json(files));
  return verifier::CheckBuilder("bootstrap").run([&](verifier::CheckBuilder& check) {
    verifier::check_authorities(bundle, now, check);
  });
}

core::Check check_now(const Files& files) { return check_at(files, kExpiry - std::chrono::days(3587)); }

std::vector<std::string> messages(const core::Check& check, Severity severity) {
  std::vector<std::string> found;
  for (const core::Finding& finding : check.findings)
    if (finding.severity == severity) found.push_back(finding.message);
  return found;
}

// The one error that `change` makes of sound files.
std::string error_after(const std::function<void(Files&)>& change) {
  Files files = sound();
  change(files);
  const auto errors = messages(check_now(files), Severity::error);
  for (const std::string& error : errors) UNSCOPED_INFO(error);
  REQUIRE(errors.size() == 1);
  return errors.front();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Sound files are five notes that say when each CA expires") {
  const core::Check check = check_now(sound());
  CHECK(check.verdict == CheckVerdict::pass);
  const auto notes = messages(check, Severity::note);
  CHECK(notes.size() == check.findings.size());
  CHECK(notes == std::vector<std::string>{"ServerCA expires 2036-09-20 (in 3,587 days)",
                                          "ClientCA expires 2036-09-20 (in 3,587 days)",
                                          "RequestHeaderCA expires 2036-09-20 (in 3,587 days)",
                                          "ETCDServerCA expires 2036-09-20 (in 3,587 days)",
                                          "ETCDPeerCA expires 2036-09-20 (in 3,587 days)"});
}

TEST_CASE("A file of several certificates, or of several keys, is checked by its first") {
  Files files = sound();
  const CaFile chain = make_ca_chain();
  files["ClientCA"] = chain.pem + shared_ca().pem;
  files["ClientCAKey"] = chain.key_pem;
  files["ServiceKey"] += make_private_key();
  CHECK(messages(check_now(files), Severity::error).empty());
  files["ClientCA"] = shared_ca().pem + chain.pem;
  CHECK(messages(check_now(files), Severity::error).size() == 1);
}

TEST_CASE("A certificate or key that k3s cannot read is one error that names it") {
  for (const std::string name : {"ServerCA", "ClientCA", "RequestHeaderCA", "ETCDServerCA", "ETCDPeerCA"}) {
    INFO(name);
    const auto damaged = [&](const std::string& file, const std::string& content) {
      return error_after([&](Files& files) { files[file] = content; });
    };
    CHECK(has(damaged(name, ""), name + " in the opened bootstrap data holds no certificate"));
    CHECK(has(damaged(name, shared_ca().key_pem), name + " in the opened bootstrap data holds no certificate"));
    std::string torn = shared_ca().pem;
    torn[torn.size() / 2] = '!';
    CHECK(has(damaged(name, torn), name + " in the opened bootstrap data holds a certificate that cannot be read"));
    CHECK(has(damaged(name, shared_ca().pem + torn), "holds a certificate that cannot be read"));
    CHECK(has(damaged(name, torn.substr(0, torn.size() / 2)), "holds a certificate that cannot be read"));
    CHECK(has(damaged(name + "Key", ""), name + "Key in the opened bootstrap data holds no private key"));
    CHECK(has(damaged(name + "Key", make_locked_key()), "holds a private key that cannot be read"));
    CHECK(
        has(damaged(name + "Key", make_private_key()), name + " and " + name + "Key in the opened bootstrap data do"));
  }
  std::string torn = make_private_key();
  torn[torn.size() / 2] = '!';
  CHECK(has(error_after([&](Files& files) { files["ServiceKey"] = ""; }), "ServiceKey in the opened bootstrap data"));
  CHECK(has(error_after([&](Files& files) { files["ServiceKey"] = torn; }), "holds a private key that cannot be read"));
  CHECK(
      has(error_after([&](Files& files) { files["ServiceKey"] += torn; }), "holds a private key that cannot be read"));
}

TEST_CASE("A missing file is an error only when the restored cluster would be another without it") {
  const auto without = [](const std::string& name) { return error_after([&](Files& files) { files.erase(name); }); };
  CHECK(has(without("ServerCA"), "holds no ServerCA: k3s would make a new ServerCA, and no node"));
  CHECK(has(without("ServerCAKey"), "holds no ServerCAKey: k3s would make a new ServerCA, and no node"));
  CHECK(has(without("ClientCA"), "holds no ClientCA: k3s would make a new ClientCA, and the restored server would"));
  CHECK(has(without("ClientCAKey"), "holds no ClientCAKey: k3s would make a new ClientCA"));
  CHECK(has(without("ServiceKey"), "every service account token"));
  Files files = sound();
  for (const char* name : {"ETCDServerCA", "ETCDPeerCAKey", "IPSECKey"}) files.erase(name);
  const core::Check safe = check_now(files);
  CHECK(safe.verdict == CheckVerdict::pass);
  CHECK(messages(safe, Severity::warning).empty());
  CHECK(messages(safe, Severity::note).size() == 3);
  files.erase("RequestHeaderCA");
  const core::Check rebuilt = check_now(files);
  CHECK(rebuilt.verdict == CheckVerdict::pass);
  REQUIRE(messages(rebuilt, Severity::warning).size() == 1);
  CHECK(has(messages(rebuilt, Severity::warning).front(), "RequestHeaderCA"));
}

TEST_CASE("An expiry turns from a note into a warning at ninety days, and into an error when it is past") {
  const auto of_server_ca = [](std::chrono::sys_seconds now) {
    const core::Check check = check_at(sound(), now);
    REQUIRE(check.findings.size() == 5);
    return std::pair(check.findings.front().severity, check.findings.front().message);
  };
  using std::chrono::days;
  CHECK(of_server_ca(kExpiry - days(90)) ==
        std::pair(Severity::note, std::string("ServerCA expires 2036-09-20 (in 90 days)")));
  const auto [soon, warning] = of_server_ca(kExpiry - days(90) + 1s);
  CHECK(soon == Severity::warning);
  CHECK(has(warning, "ServerCA expires 2036-09-20 (in 89 days), and k3s does not renew a CA"));
  CHECK(of_server_ca(kExpiry - 1s).first == Severity::warning);
  CHECK(has(of_server_ca(kExpiry - days(1)).second, "(in 1 day)"));
  const auto [late, error] = of_server_ca(kExpiry);
  CHECK(late == Severity::error);
  CHECK(has(error, "ServerCA expired on 2036-09-20 (0 days ago)"));
  CHECK(has(of_server_ca(kExpiry + days(1234)).second, "(1,234 days ago)"));
  const core::Check expired = check_at(sound(), kExpiry);
  CHECK(messages(expired, Severity::error).size() == 2);
  CHECK(messages(expired, Severity::warning).size() ==
        3);  // etcd's, which SQLite does not need, and of aggregated APIs
}

TEST_CASE("A certificate that is valid until the last second of the calendar is dated without overflow") {
  constexpr auto kLast = std::chrono::sys_days(9999y / 12 / 31) + 23h + 59min + 59s;
  const CaFile ca = make_single_ca(kLast);
  CHECK(verifier::read_certificates(ca.pem).expiries == std::vector<std::chrono::sys_seconds>{kLast});
  const auto notes = messages(check_now(sound_files(ca, "password")), Severity::note);
  REQUIRE(notes.size() == 5);
  CHECK(has(notes.front(), "ServerCA expires 9999-12-31 (in 2,9"));
}

TEST_CASE("No finding about a certificate or key quotes it") {
  Files files = sound();
  files["ServerCA"] = "-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n";
  files["ClientCAKey"] = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n";
  files["ServiceKey"] = "canary";
  const core::Check check = check_now(files);
  CHECK(messages(check, Severity::error).size() == 3);
  for (const core::Finding& finding : check.findings) CHECK_FALSE(has(finding.message, "canary"));
}
