#include "verifier/keys/bootstrap.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/sha256.hpp"
#include "verifier/keys/certificate.hpp"

namespace verifier {

// Asked for as k3s asks for it, and not gathered from the pass over all rows: a torn page elsewhere must not hide it.
std::vector<SealedRow> read_sealed_rows(Database& database) {
  Statement statement(
      database,
      "SELECT name, id, deleted, value FROM main.kine WHERE name >= '/bootstrap/' AND name < '/bootstrap0' "
      "ORDER BY name, id");
  std::vector<SealedRow> rows;
  while (statement.step()) {
    const std::string_view name = statement.bytes(0);
    if (!rows.empty() && rows.back().key == name) rows.pop_back();
    if (statement.integer(2) != 0) continue;
    rows.push_back({std::string(name), {statement.integer(1)}, std::string(statement.bytes(3))});
  }
  return rows;
}

std::optional<std::string_view> passphrase_for(const SealedRow& row, const Token& token) {
  for (const std::string_view secret : {token.password.view(), token.as_written(), std::string_view()})
    if (row.key == bootstrap_key(secret)) return secret;
  return std::nullopt;
}

bool is_current(const SealedRow& row, const Token& token) { return row.key == bootstrap_key(token.password.view()); }

const SealedRow* choose_row(const std::vector<SealedRow>& rows, const Token& token) {
  const auto first = [&](auto&& matches) {
    const auto found = std::find_if(rows.begin(), rows.end(), matches);
    return found == rows.end() ? nullptr : &*found;
  };
  if (const SealedRow* current = first([&](const SealedRow& row) { return is_current(row, token); })) return current;
  return first([&](const SealedRow& row) { return passphrase_for(row, token).has_value(); });
}

OpenedBootstrap describe(const Bundle& bundle) {
  const auto hash_of = [&](std::string_view name) {
    const auto file = bundle.find(name);
    return file == bundle.end() ? std::string() : core::sha256_hex(file->second.view());
  };
  OpenedBootstrap opened;
  opened.ca_sha256 = hash_of("ServerCA");
  if (const auto keys = bundle.find("ServiceKey"); keys != bundle.end())
    opened.service_account_keys = hash_public_keys(keys->second.view());
  const auto configuration = bundle.find("EncryptionConfig");
  if (configuration == bundle.end()) return opened;
  opened.secrets_encryption = true;
  try {
    opened.keys = EncryptionKeys(configuration->second.view());
  } catch (const core::Error& error) {
    // A finding for the check of what these keys should open, and no reason to give up the rest of the row.
    if (error.kind() != core::ErrorKind::damaged) throw;
    opened.encryption_problem = error.what();
  }
  return opened;
}

std::optional<OpenedBootstrap> open_bootstrap(Database& database, const Token& token) {
  if (!token.problem.empty()) return std::nullopt;
  const std::vector<SealedRow> rows = read_sealed_rows(database);
  const SealedRow* const row = choose_row(rows, token);
  if (row == nullptr || row->value.empty()) return std::nullopt;
  const std::optional<core::Secret> plaintext = open_sealed(row->value, *passphrase_for(*row, token));
  if (!plaintext) return std::nullopt;
  return describe(parse_bundle(plaintext->view()));
}

std::optional<OpenedBootstrap> open_bootstrap(Database& database, const std::optional<Token>& token) {
  return token ? open_bootstrap(database, *token) : std::nullopt;
}

bool same_sealed_rows(Database& one, Database& other) {
  const std::vector<SealedRow> rows = read_sealed_rows(one);
  const std::vector<SealedRow> others = read_sealed_rows(other);
  return std::equal(rows.begin(), rows.end(), others.begin(), others.end(), [](const SealedRow& a, const SealedRow& b) {
    return a.key == b.key && a.revision == b.revision && a.value == b.value;
  });
}

}  // namespace verifier
