// NaCl's secretbox, XSalsa20-Poly1305: one of the seals of encryption at rest. The verifier's door to libsodium.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/secret.hpp"

namespace verifier {

constexpr std::size_t kSecretboxKeyBytes = 32;

/// The plaintext of `sealed`, a 24-byte nonce and the box; empty when `key`, of kSecretboxKeyBytes, does not open it.
/// Throws: storage, when libsodium does not start.
std::optional<core::Secret> open_secretbox(std::string_view sealed, std::string_view key);

}  // namespace verifier
