// A k3s server token in any of its forms, taken apart as k3s does it before it looks for the bootstrap row. Parsed
// once, where it comes in, and carried as this from there on: to the checks, the engine, and the node of a restore.
// What it does not do: refuse one that k3s would reject. Whether that is a finding or a failure is for its user to say.
// Source: k3s pkg/clientaccess/token.go @0566d457, pkg/cluster/encrypt.go @0c5577a8.
#pragma once

#include <string>
#include <string_view>

#include "core/secret.hpp"

namespace verifier {

struct Token {
  core::Secret content;   // of server/token, every byte of it: what is stored, and what a restored server is given
  core::Secret password;  // what the row is sealed with, and what its key is made of
  std::string ca_hash;    // 64 hex digits; empty when the token does not name a CA
  std::string problem;    // why k3s would reject it; empty when it would not. Password and hash are then empty

  /// Without trailing new lines: old k3s sealed with this.
  std::string_view as_written() const;
};

Token parse_token(core::Secret content);
inline Token parse_token(std::string_view content) { return parse_token(core::Secret(content)); }

/// What of it no log may repeat: its password; of one that k3s would reject, what stands behind its last colon. Without
/// the ends of lines behind it: no line of a log holds them.
std::string_view secret_part(const Token& token);

/// The key of the row that k3s looks for: "/bootstrap/" and the first 12 hex digits of the SHA-256.
std::string bootstrap_key(std::string_view password);

}  // namespace verifier
