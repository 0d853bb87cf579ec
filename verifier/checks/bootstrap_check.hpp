// Check `bootstrap`: the saved token opens the one sealed row, and what is in it belongs to that token and is still
// good. Without this a restore does not start, or starts as another cluster. Runs before the pass over the rows, which
// opens encrypted Secrets with the keys found here. What it does not do: judge the encryption configuration, which
// matters to the values that are sealed with it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "verifier/checks/check.hpp"
#include "verifier/keys/encryption.hpp"
#include "verifier/kine/sqlite.hpp"
#include "verifier/verify.hpp"

namespace verifier {

/// What other checks need of the opened row. A hash is empty when the row holds no such file.
struct OpenedBootstrap {
  EncryptionKeys keys;
  std::string encryption_problem;  // why the encryption configuration gives no keys; empty when it does, or is missing
  std::string ca_sha256;           // of the file ServerCA
  std::vector<std::string> service_account_keys;  // sha256 of each key's public part in the file ServiceKey
  bool secrets_encryption = false;                // there is an encryption configuration
};

/// Skipped without a token; empty when the row was not opened. `now` is the moment of the restore that is judged.
/// Throws: damaged, storage, cancelled.
std::optional<OpenedBootstrap> check_bootstrap(Database& database, const Subject& subject, core::UtcTime now,
                                               CheckBuilder& check);

/// The same row without the judgement, of another snapshot: empty when `token` does not open it, for whatever reason.
/// Throws: damaged (SQLite cannot read it, the row has not k3s's form), storage, cancelled.
std::optional<OpenedBootstrap> open_bootstrap(Database& database, const std::optional<std::string>& token);

/// Whether both hold the same sealed rows, byte by byte: then they hold the same CA, and none has to be opened for
/// that. Throws: as above.
bool same_sealed_rows(Database& one, Database& other);

}  // namespace verifier
