// Is it this cluster, and is it well? What a restored control plane says of itself against what the snapshot says.
// k3s makes a new and healthy cluster of an empty file, which must never pass for a restored one.
// What it does not do: compare the objects (proof.hpp), or write anything (writes.hpp).
#pragma once

#include <string>

#include "core/finding.hpp"
#include "drill/engine/api.hpp"
#include "verifier/keys/token.hpp"
#include "verifier/verify.hpp"

namespace drill {

/// Check `identity`: the kube-system namespace's uid, the certificate authority and the keys that sign service
/// accounts' tokens are the snapshot's. Throws: unreachable, timeout.
core::Check prove_identity(ApiClient& api, const verifier::Verification& snapshot, const verifier::Token& token);

/// Check `health`: every line of /readyz?verbose is green. Throws: unreachable, timeout.
core::Check prove_health(ApiClient& api);

}  // namespace drill
