// A k3s server token in any of its forms, taken apart as k3s does it before it looks for the bootstrap row.
// Source: k3s pkg/clientaccess/token.go @0566d457, pkg/cluster/encrypt.go @0c5577a8.
#pragma once

#include <string>
#include <string_view>

#include "core/secret.hpp"

namespace verifier {

struct Token {
  core::Secret password;    // what the row is sealed with, and what its key is made of
  std::string ca_hash;      // 64 hex digits; empty when the token does not name a CA
  core::Secret as_written;  // without trailing new lines: old k3s sealed with this
  std::string problem;      // why k3s would reject it; empty when it would not. The rest is then empty
};

Token parse_token(std::string_view content);

/// What of it no log may repeat: its password; of one that k3s would reject, what stands behind its last colon.
std::string secret_part(std::string_view content);

/// The key of the row that k3s looks for: "/bootstrap/" and the first 12 hex digits of the SHA-256.
std::string bootstrap_key(std::string_view password);

}  // namespace verifier
