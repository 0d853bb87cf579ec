// Checks `revisions` and `value-chain`: kine's log as a log. Every row has its place: revisions without a hole above
// the compact revision, each row on top of the one it replaced, each old value the value that was there. Called for
// every row of the one pass, in the order of revisions, with what was known of its name before it. Source: kine
// pkg/logstructured/sqllog and pkg/drivers/generic, v0.4.0 to v0.17.5; its three eras fill create_revision, old_value
// and a tombstone's value differently, and databases mix them, so what any era leaves unset is not asked for.
// k3s serves the newest row of each name and nothing else of the log: only what is wrong with that is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "verifier/checks/check.hpp"
#include "verifier/checks/row_findings.hpp"
#include "verifier/kine/name_table.hpp"
#include "verifier/kine/rows.hpp"

namespace verifier {

class History {
 public:
  /// `compact_revision` as compact_rev_key says it; findings go to the two checks.
  History(core::Revision compact_revision, CheckBuilder& revisions, CheckBuilder& value_chain)
      : compact_(compact_revision.value), revisions_(revisions), value_chain_(value_chain) {}

  /// `name` is what was known before the row.
  void see(const Row& row, const Name& name);

  /// After the last row. `sequence` is sqlite_sequence's number for kine; empty when there is none.
  void finish(std::optional<std::int64_t> sequence, const Names& names);
  /// What check `value-chain` says in the end.
  void finish_values() { gone_values_.settle(); }

  /// What is said of `name` may be another's, whose old value one of its rows carries.
  void mark_mistaken(std::string_view name) { alike_.mark(name); }
  /// True when kine 0.17 or a later one wrote here: an earlier one does not start on its rows.
  bool has_unset_create_revision() const { return unset_create_revision_; }

  /// The revision of the create that `row` descends from, for the next row of that name; 0 when nothing says.
  static std::int64_t created_by(const Row& row, const Name& before);

 private:
  struct Hole {
    std::int64_t first;
    std::int64_t last;
  };
  // A row that names a revision as replaced which it did not replace: compaction would remove that.
  struct Stray {
    std::int64_t target;
    core::Finding finding;
  };

  void see_revision(const Row& row);
  bool is_well_formed(const Row& row, const Name& name);
  void see_compact_key(const Row& row);
  void see_predecessor(const Row& row, const Name& before, std::int64_t predecessor);
  // What is wrong; empty for nothing.
  std::string problem_with_predecessor(const Row& row, const Name& before, std::int64_t predecessor) const;
  std::string problem_with_create_revision(const Row& row, const Name& before, std::int64_t predecessor) const;
  bool is_missing(const Row& row, std::int64_t predecessor) const;
  void see_value_chain(const Row& row, const Name& before);
  bool exists(std::int64_t revision) const;
  bool in_hole(std::int64_t revision) const;
  void warn(const Row& row, std::string message);
  void settle_strays(const Names& names);
  void finish_holes();
  void finish_compact_key();
  void finish_backlog(std::size_t names);
  void finish_sequence(std::optional<std::int64_t> sequence);

  std::int64_t compact_;
  CheckBuilder& revisions_;
  CheckBuilder& value_chain_;
  RowFindings gone_{revisions_};
  RowFindings gone_values_{value_chain_};
  std::int64_t last_ = 0;                // revision of the row before
  std::vector<std::int64_t> compacted_;  // revisions up to the compact one that are still there
  std::vector<Hole> holes_;              // above it
  std::uint64_t replaced_ = 0;           // missing rows that a later one replaced
  std::vector<Stray> strays_;
  AlikeNames alike_;
  bool unset_create_revision_ = false;
  std::uint64_t compact_keys_ = 0;
  std::uint64_t leftovers_ = 0;
  std::uint64_t waiting_ = 0;  // rows that a later one replaced, and that no compaction was asked to remove yet
};

}  // namespace verifier
