// Checks `decode` and `secrets`: every value under /registry/, of today and of history, decoded and held against its
// key; sealed ones opened for it, in memory only. An error is what the API server could not serve. Called for every row
// of the one pass. At its end it fills the census, the objects and the coverage of objects. What it does not do: check
// the order of rows (history).
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "verifier/checks/bootstrap_check.hpp"
#include "verifier/checks/check.hpp"
#include "verifier/checks/log_checks.hpp"
#include "verifier/checks/row_findings.hpp"
#include "verifier/checks/verification.hpp"
#include "verifier/kine/name_table.hpp"
#include "verifier/kine/rows.hpp"
#include "verifier/objects/object.hpp"

namespace verifier {

class Decoder {
 public:
  struct Checks {
    CheckBuilder& decode;
    CheckBuilder& value_chain;
    CheckBuilder& secrets;
  };

  /// Without an opened bootstrap row (nullptr) sealed values are known by their keys alone.
  Decoder(Verification& result, KnownNames& known, const OpenedBootstrap* bootstrap, Checks checks)
      : result_(result),
        known_(known),
        bootstrap_(bootstrap),
        checks_(checks),
        decode_rows_(checks.decode),
        secret_rows_(checks.secrets) {}

  /// Decodes the row's value and writes what it is into `name`.
  void see(const Row& row, Name& name);
  /// For a row whose predecessor is gone: its old value is the last copy of that, and is decoded, too. Before `history`
  /// sees the row, as it may turn out to be another key's.
  void see_old_value(const Row& row, History& history);
  /// After the last row.
  void finish();
  /// What check `secrets` says in the end.
  void finish_secrets(const Subject& subject);

 private:
  // A value with a field or of a kind that the schema does not know: damage, unless a newer Kubernetes wrote it.
  struct Unknown {
    std::string key;
    core::Revision revision;
    bool kind = false;  // else a field
  };
  struct NodeVersion {
    std::string version;
    bool control_plane = false;
  };

  // One check, and its findings about rows.
  struct Sink {
    CheckBuilder& check;
    RowFindings& rows;
  };

  static std::string read(std::string_view value, const Row& row, const ParsedKey& key, StoredObject& object);
  void see_value(std::string_view value, const Row& row, const ParsedKey& key, Name& name, Sink sink);
  static void find(const Row& row, const Name& name, std::string message, Sink sink);
  void see_sealed(const Row& row, const ParsedKey& key, Name& name);
  void count(Name& name);
  void choose_k3s_version();
  void report_unknown();

  Verification& result_;
  KnownNames& known_;
  const OpenedBootstrap* bootstrap_;
  Checks checks_;
  RowFindings decode_rows_;
  RowFindings secret_rows_;
  std::vector<Unknown> unknown_;  // the first of them
  std::uint64_t unknown_values_ = 0;
  std::uint64_t sealed_values_ = 0;
  std::uint64_t kms_values_ = 0;
  std::unordered_map<std::string, NodeVersion> nodes_;  // by key
};

}  // namespace verifier
