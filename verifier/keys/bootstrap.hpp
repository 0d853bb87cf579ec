// The sealed rows of a database: the certificates and keys of its cluster, which only its token opens. Used by the
// check `bootstrap`, which says what is wrong with them, and by whoever asks whose a database is.
// What it does not do: check. Source: k3s pkg/cluster/storage.go.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/revision.hpp"
#include "verifier/keys/bundle.hpp"
#include "verifier/keys/encryption.hpp"
#include "verifier/keys/token.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {

struct SealedRow {
  std::string key;
  core::Revision revision;
  std::string value;
};

/// The live ones, by key. Throws: damaged, storage.
std::vector<SealedRow> read_sealed_rows(Database& database);

/// Which secret the row is sealed with; an empty optional when this token cannot be it.
std::optional<std::string_view> passphrase_for(const SealedRow& row, const Token& token);

/// Sealed as k3s does today, with the token's password.
bool is_current(const SealedRow& row, const Token& token);

/// The row that k3s starts with; nullptr when none is of this token.
const SealedRow* choose_row(const std::vector<SealedRow>& rows, const Token& token);

/// What other checks need of the opened row. A hash is empty when the row holds no such file.
struct OpenedBootstrap {
  EncryptionKeys keys;
  std::string encryption_problem;  // why the encryption configuration gives no keys; empty when it does, or is missing
  std::string ca_sha256;           // of the file ServerCA
  std::vector<std::string> service_account_keys;  // sha256 of each key's public part in the file ServiceKey
  bool secrets_encryption = false;                // there is an encryption configuration
};

/// Throws: nothing for a configuration that cannot be used, which is `encryption_problem`.
OpenedBootstrap describe(const Bundle& bundle);

/// The row that k3s starts with, without a judgement: empty when `token` does not open it, for whatever reason.
/// Throws: damaged (SQLite cannot read it, the row has not k3s's form), storage, cancelled.
std::optional<OpenedBootstrap> open_bootstrap(Database& database, const Token& token);

/// The same where there may be no token; without one nothing is read.
std::optional<OpenedBootstrap> open_bootstrap(Database& database, const std::optional<Token>& token);

/// Whether both hold the same sealed rows, byte by byte: then they hold the same CA, and none has to be opened for
/// that. Throws: as above.
bool same_sealed_rows(Database& one, Database& other);

}  // namespace verifier
