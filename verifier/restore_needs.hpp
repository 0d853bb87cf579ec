// What a real restore has to know of a snapshot beside that it is sound: whose cluster it is, and what of it no
// database brings back. For `drill restore`; a scratch copy comes in, names go out, never a value of a secret.
// What it does not do: check anything (verify.hpp).
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "verifier/keys/token.hpp"

namespace verifier {

/// A PersistentVolume: its data lie elsewhere.
struct Volume {
  std::string name;
  std::string kind;   // of its source as Kubernetes calls it: "hostPath", "local", "nfs", "csi"; empty: another one
  std::string where;  // path, server and path, or driver; may be empty
  std::string claim;  // "namespace/name"; empty: unclaimed
};

struct RestoreNeeds {
  std::string token_sha256;            // of the token's password
  std::vector<std::string> ca_hashes;  // of the CA in the opened bootstrap row, and the one the token names
  bool secrets_encryption = false;
  std::vector<std::string> nodes;
  std::vector<Volume> volumes;
  std::size_t images = 0;  // different ones that pods name
};

/// What a token alone says, for a snapshot of which no more can be read: the hashes.
RestoreNeeds needs_of_token(const Token& token);

/// Throws: damaged (not a database of kine's, a token that does not open it), storage, cancelled.
RestoreNeeds read_restore_needs(const std::filesystem::path& database, const Token& token);

}  // namespace verifier
