// The sealed bootstrap row: opened with a token, taken apart into the files a restore gets from it.
// The verifier's door to OpenSSL for that seal. Everything opened is wiped when it goes.
// Source: k3s pkg/cluster/encrypt.go @0c5577a8, pkg/bootstrap/bootstrap.go @ed0d77ae.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/secret.hpp"

namespace verifier {

/// The plaintext of `<salt>:<base64(nonce, ciphertext, tag)>`; empty when `passphrase` does not open it.
/// Throws: damaged, when the value has not that form.
std::optional<core::Secret> open_sealed(std::string_view sealed, std::string_view passphrase);

/// Names are k3s's: ServerCA, ServerCAKey, PasswdFile, EncryptionConfig, ...
using Bundle = std::map<std::string, core::Secret, std::less<>>;

/// Both formats: name to {Timestamp, Content}, and before k3s 1.22 name to content. Throws: damaged.
Bundle parse_bundle(std::string_view plaintext);

/// The secret of user "server" in k3s's passwd file; empty when there is none.
std::optional<core::Secret> server_secret(std::string_view passwd_file);

}  // namespace verifier
