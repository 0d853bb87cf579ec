// Findings about rows, which are errors only while k3s serves the row. What a later row of the same name replaced is
// history: it is in the snapshot, nobody is served it, and compaction removes it; then the finding is a warning.
// Between the pass over the rows and the checks it fills. What it does not do: check a row.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "verifier/checks/check.hpp"
#include "verifier/kine/name_table.hpp"

namespace verifier {

class RowFindings {
 public:
  explicit RowFindings(CheckBuilder& check) : check_(check) {}

  /// `revision` is that of a row of `name`, which must outlive this.
  void add(const Name& name, core::Revision revision, std::string message);
  /// After the last row: what is still the newest of its name is an error.
  void settle();

 private:
  struct Pending {
    core::Revision revision;
    std::vector<std::string> messages;
  };
  void say_history(const Name& name, const Pending& pending);

  CheckBuilder& check_;
  std::unordered_map<const Name*, Pending> pending_;  // of the newest row of each that has any
};

}  // namespace verifier
