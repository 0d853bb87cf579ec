#include "verifier/checks/bootstrap_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/sha256.hpp"
#include "verifier/checks/authority_checks.hpp"
#include "verifier/keys/bundle.hpp"
#include "verifier/keys/certificate.hpp"
#include "verifier/keys/token.hpp"
#include "verifier/kine/foreign_text.hpp"

namespace verifier {
namespace {

std::string_view name_of_old_form(const SealedRow& row) {
  return row.key == bootstrap_key("") ? "an empty token" : "the token as it is written";
}

bool opens(const SealedRow& row, std::string_view passphrase) {
  try {
    return open_sealed(row.value, passphrase).has_value();
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged) throw;
    return false;
  }
}

// A row that k3s does not start with. Source: k3s pkg/cluster/storage.go, getBootstrapKeyFromStorage, migrateTokens and
// bootstrapKeyData.
void check_row_beside(const SealedRow& row, const Token& token, CheckBuilder& check) {
  const auto say = [&](core::Severity severity, std::string message) {
    check.add({severity, std::move(message), printable(row.key), row.revision});
  };
  const auto passphrase = passphrase_for(row, token);
  if (!passphrase)
    return say(core::Severity::warning,
               "a second bootstrap row, of another token: k3s starts with the right one and warns \"found multiple "
               "bootstrap keys in storage\", but cannot save the row anew (k3s token rotate, certificate rotate-ca, "
               "secrets-encrypt) while both are there. Stop k3s and delete this key from table kine");
  if (!opens(row, *passphrase))
    return say(core::Severity::error,
               fmt::format("a second bootstrap row, sealed with {} as old k3s did, does not open: k3s opens it when it "
                           "starts, and would refuse to start. Delete this key from table kine",
                           name_of_old_form(row)));
  say(core::Severity::warning,
      fmt::format(
          "a second bootstrap row, sealed with {} as old k3s did: k3s starts with the right one, and drops this "
          "one when it starts",
          name_of_old_form(row)));
}

// That there is a server CA, and one that reads, is for check_authorities to say.
void check_token_ca(const Bundle& bundle, const Token& token, CheckBuilder& check) {
  const auto ca = bundle.find("ServerCA");
  if (token.ca_hash.empty() || ca == bundle.end() || !read_certificates(ca->second.view()).problem.empty()) return;
  const std::string hash = hash_ca(ca->second.view());
  if (token.ca_hash == hash) return;
  check.error(
      fmt::format("the token names another cluster CA ({}...) than the bootstrap data holds ({}...): nodes would "
                  "refuse to join the restored server",
                  printable(token.ca_hash.substr(0, 12)), hash.substr(0, 12)));
}

void check_passwd(const Bundle& bundle, const Token& token, CheckBuilder& check) {
  const auto passwd = bundle.find("PasswdFile");
  if (passwd == bundle.end())
    return check.warning("the opened bootstrap data holds no passwd file: k3s would write a new one");
  const std::optional<core::Secret> secret = server_secret(passwd->second.view());
  if (!secret)
    return check.error("the passwd file in the bootstrap data has no entry for servers: no server could join");
  if (secret->view() != token.password.view())
    check.error(
        "the passwd file in the bootstrap data carries another server secret than the token: nodes could not join with "
        "it");
}

std::optional<Bundle> open_row(const SealedRow& row, const Token& token, CheckBuilder& check) {
  const auto refuse = [&](std::string message) -> std::optional<Bundle> {
    check.add({core::Severity::error, std::move(message), printable(row.key), row.revision});
    return std::nullopt;
  };
  const auto passphrase = passphrase_for(row, token);
  if (!passphrase)
    return refuse(
        "the token does not belong to this database: k3s would refuse to start: \"bootstrap data already found and "
        "encrypted with different token\"");
  if (!is_current(row, token))
    check.add({core::Severity::warning,
               fmt::format("the bootstrap row is sealed with {}, as old k3s did; k3s seals it anew when it starts",
                           name_of_old_form(row)),
               row.key, row.revision});
  if (row.value.empty())
    return refuse(
        "the bootstrap row is empty, the mark of a first start that was not finished: k3s would drop it and make a new "
        "cluster CA, which no node or client trusts");
  const std::optional<core::Secret> plaintext = open_sealed(row.value, *passphrase);
  if (!plaintext)
    return refuse(
        "the token does not open the bootstrap row although its key fits: the row is damaged, k3s would refuse to "
        "start");
  return parse_bundle(plaintext->view());
}

// The row that k3s starts with, opened; or else an error that says what a restore would do.
std::optional<Bundle> find_and_open(Database& database, const Token& token, CheckBuilder& check) {
  const auto refuse = [&](std::string message) -> std::optional<Bundle> {
    check.error(std::move(message));
    return std::nullopt;
  };
  if (!token.problem.empty())
    return refuse(fmt::format("k3s would refuse to start: it does not take this token, because {}", token.problem));
  const std::vector<SealedRow> rows = read_sealed_rows(database);
  if (rows.empty())
    return refuse(
        "there is no bootstrap row: k3s would start as a new cluster with a new CA, which no node or client trusts");
  const SealedRow* const chosen = choose_row(rows, token);
  if (chosen == nullptr) return open_row(rows.front(), token, check);
  for (const SealedRow& row : rows)
    if (&row != chosen) check_row_beside(row, token, check);
  return open_row(*chosen, token, check);
}

}  // namespace

std::optional<OpenedBootstrap> check_bootstrap(Database& database, const Subject& subject, core::UtcTime now,
                                               CheckBuilder& check) {
  if (!subject.token) {
    check.skip("skipped: no token was given, so nothing proves that this database can be restored");
    return std::nullopt;
  }
  const std::optional<Bundle> bundle = find_and_open(database, *subject.token, check);
  if (!bundle) return std::nullopt;
  check_token_ca(*bundle, *subject.token, check);
  check_passwd(*bundle, *subject.token, check);
  check_authorities(*bundle, now, check);
  return describe(*bundle);
}

}  // namespace verifier
