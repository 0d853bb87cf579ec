// Check `decode`: every value under /registry/, of today and of history, decoded and held against its key.
// Called for every row of the one pass. At its end it fills the census, the objects and the coverage of objects.
// What it does not do: judge the order of rows (history).
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "verifier/check.hpp"
#include "verifier/names.hpp"
#include "verifier/object.hpp"
#include "verifier/rows.hpp"
#include "verifier/verify.hpp"

namespace verifier {

class Decoder {
 public:
  Decoder(Verification& result, TextTable& texts, CheckBuilder& decode, CheckBuilder& value_chain)
      : result_(result), texts_(texts), decode_(decode), value_chain_(value_chain) {}

  /// Decodes the row's value and writes what it is into `name`.
  void see(const Row& row, Name& name);
  /// For a row whose predecessor is gone: its old value is the last copy of that, and is decoded, too.
  void see_old_value(const Row& row, KeyKind kind);
  /// After the last row.
  void finish(Names& names);

 private:
  struct NodeVersion {
    std::string version;
    bool control_plane = false;
  };

  std::string read(std::string_view value, const Row& row, const ParsedKey& key, StoredObject& object) const;
  void count(Name& name);
  void choose_k3s_version(const Names& names);

  Verification& result_;
  TextTable& texts_;
  CheckBuilder& decode_;
  CheckBuilder& value_chain_;
  std::unordered_map<std::string, NodeVersion> nodes_;  // by key
};

}  // namespace verifier
