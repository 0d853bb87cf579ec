#include "drill/proof/identity_proof.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/sha256.hpp"

namespace drill {
namespace {

void fail(core::Check& check, std::string message) {
  check.verdict = core::CheckVerdict::fail;
  check.findings.push_back({core::Severity::error, std::move(message), {}, {}});
}

void warn(core::Check& check, std::string message) {
  check.findings.push_back({core::Severity::warning, std::move(message), {}, {}});
}

}  // namespace

core::Check prove_identity(ApiClient& api, const verifier::Verification& snapshot, const verifier::Token& token) {
  core::Check check{"identity", core::CheckVerdict::pass, {}, {}};
  const ServedAnswer kube_system = api.send("GET", "/api/v1/namespaces/kube-system");
  if (!kube_system.ok()) {
    fail(check, fmt::format("kube-system cannot be read (HTTP {}): {}", kube_system.status, kube_system.message));
  } else if (kube_system.uid != snapshot.kube_system_uid) {
    fail(check, fmt::format("this is another cluster: its kube-system has uid {}, the snapshot's {}", kube_system.uid,
                            snapshot.kube_system_uid));
  }

  const std::string ca = core::sha256_hex(api.ca_pem());
  if (!snapshot.ca_sha256.empty() && ca != snapshot.ca_sha256)
    fail(check, "this is another cluster: its certificate authority is not the one in the snapshot's bootstrap row");
  if (!token.ca_hash.empty() && snapshot.ca_sha256.empty() && token.ca_hash != ca)
    fail(check, "this is another cluster: its certificate authority is not the one the token names");

  const std::vector<std::string> keys = api.service_account_keys();
  if (keys.empty() || snapshot.service_account_keys.empty()) {
    warn(check, "the keys of service accounts were not compared: the API server, or the snapshot, does not tell them");
  } else if (!std::is_permutation(keys.begin(), keys.end(), snapshot.service_account_keys.begin(),
                                  snapshot.service_account_keys.end())) {
    fail(check,
         "tokens of service accounts are checked with other keys than the snapshot's: every pod's token is void");
  }
  return check;
}

core::Check prove_health(ApiClient& api) {
  core::Check check{"health", core::CheckVerdict::pass, {}, {}};
  for (const std::string& failing : api.failing_health_checks()) fail(check, "not ready: " + failing);
  return check;
}

}  // namespace drill
