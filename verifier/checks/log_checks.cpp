#include "verifier/checks/log_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "verifier/kine/foreign_text.hpp"

namespace verifier {
namespace {

constexpr std::uint64_t kBacklog = 100'000;
constexpr std::uint64_t kBacklogPerName = 10;

// kine 0.17 writes one when a client deletes, without comparing, what is not there.
bool is_stray_tombstone(const Row& row) {
  return row.is_tombstone() && row.prev_revision == 0 && !row.has_value && !row.has_old_value && !row.create_revision;
}

bool is_flag(const std::optional<std::int64_t>& value) { return value == 0 || value == 1; }

}  // namespace

void History::warn(const Row& row, std::string message) {
  revisions_.add({core::Severity::warning, std::move(message), printable(row.name), row.id});
}

bool History::exists(std::int64_t revision) const {
  return std::binary_search(compacted_.begin(), compacted_.end(), revision);
}

std::int64_t History::created_by(const Row& row, const Name& before) {
  if (row.created == 1 || before.tombstone) return row.id.value;
  const std::int64_t said = row.create_revision.value_or(0);
  return said != 0 ? said : before.created_by;
}

bool History::in_hole(std::int64_t revision) const {
  const auto after = std::upper_bound(holes_.begin(), holes_.end(), revision,
                                      [](std::int64_t requested, const Hole& hole) { return requested < hole.first; });
  return after != holes_.begin() && std::prev(after)->last >= revision;
}

void History::see_revision(const Row& row) {
  const std::int64_t first_expected = std::max({last_, compact_, std::int64_t{0}}) + 1;
  if (row.id.value > first_expected) holes_.push_back({first_expected, row.id.value - 1});
  if (row.id.value <= 0)
    revisions_.add({core::Severity::error, "the revision is not a positive number", printable(row.name), row.id});
  last_ = row.id.value;
  if (row.id.value <= compact_) compacted_.push_back(row.id.value);
}

bool History::is_well_formed(const Row& row, const Name& name) {
  if (!row.has_name) {
    revisions_.add({core::Severity::error, "a row has no name, so that k3s never finds it", {}, row.id});
    return false;
  }
  if (!is_flag(row.created) || !is_flag(row.deleted)) {
    gone_.add(name, row.id, "a row does not say whether it creates or deletes");
    return false;
  }
  if (row.created == 1 && row.deleted == 1) {
    gone_.add(name, row.id, "a row creates and deletes at once");
    return false;
  }
  if (row.lease.value_or(-1) < 0) warn(row, "a row has no lease, which is a number of seconds or 0");
  if (!row.prev_revision || *row.prev_revision < 0) {
    warn(row, "a row does not say which revision it replaces; k3s serves it all the same");
    return false;
  }
  return true;
}

void History::see(const Row& row, const Name& name) {
  see_revision(row);
  if (row.name == kCompactKey) {
    see_compact_key(row);
    return;
  }
  if (!is_well_formed(row, name)) return;
  if (row.name.starts_with(kGapPrefix)) {
    if (row.name.substr(kGapPrefix.size()) != fmt::format_int(row.id.value).c_str() || !row.is_tombstone() ||
        *row.prev_revision != 0)
      warn(row, "a row that fills a gap is not as kine makes it; k3s serves none of them");
    return;
  }
  alike_.see(row.name);
  unset_create_revision_ |= !row.create_revision;
  if (is_stray_tombstone(row)) {
    warn(row, "the row deletes what was never created, as only a client other than Kubernetes asks for");
    return;
  }
  if (row.id.value <= compact_ && (name.newest.value != 0 || row.is_tombstone())) ++leftovers_;
  if (row.id.value > compact_ && name.newest.value != 0) ++waiting_;
  const std::int64_t predecessor = *row.prev_revision;
  see_predecessor(row, name, predecessor);
  if (name.newest.value != 0 && name.newest.value == predecessor) see_value_chain(row, name);
}

void History::see_compact_key(const Row& row) {
  if (++compact_keys_ > 1)
    warn(row,
         "a second compact_rev_key (k3s#1311): k3s serves all the same, but drops both when it starts, and compacts "
         "nothing until it is started once more and makes a new one");
  if (row.created != 1 || row.deleted != 0 || !row.prev_revision)
    warn(row, "the row that holds the compact revision is not as kine makes it: compaction may stand still");
}

// Where the row that was replaced was taken out of the log, what is left tells nothing: finish_holes counts it.
void History::see_predecessor(const Row& row, const Name& before, std::int64_t predecessor) {
  if (is_missing(row, predecessor) && before.newest.value < predecessor) {
    ++replaced_;
    return;
  }
  std::string problem = problem_with_predecessor(row, before, predecessor);
  if (!problem.empty()) {
    core::Finding finding{core::Severity::warning, std::move(problem), printable(row.name), row.id};
    // Compaction removes what a row above the compact revision names, whatever it is.
    if (predecessor == 0 || predecessor == before.newest.value || row.id.value <= compact_ ||
        alike_.may_be_mistaken(row.name))
      return revisions_.add(std::move(finding));
    strays_.push_back({predecessor, std::move(finding)});
    return;
  }
  problem = problem_with_create_revision(row, before, predecessor);
  if (!problem.empty()) warn(row, std::move(problem));
}

bool History::is_missing(const Row& row, std::int64_t predecessor) const {
  if (predecessor > compact_) return in_hole(predecessor);
  return predecessor > 0 && row.created == 0 && row.id.value > compact_ && !exists(predecessor);
}

std::string History::problem_with_predecessor(const Row& row, const Name& before, std::int64_t predecessor) const {
  if (predecessor >= row.id.value)
    return fmt::format("the row replaces revision {}, which is not older than itself", predecessor);
  if (predecessor == 0 && row.created != 1) return "the row changes or deletes what was never created";
  if (before.newest.value > predecessor)
    return fmt::format(
        "the row replaces revision {}, but the key was at revision {}: one of the two writers was not seen by the "
        "other",
        predecessor, before.newest.value);
  if (before.newest.value < predecessor)
    return predecessor > compact_ || exists(predecessor)
               ? fmt::format("the row replaces revision {}, which is another key's", predecessor)
               : std::string();
  if (predecessor == 0) return {};
  if (row.created == 1 && !before.tombstone) return "the row creates a key that was there already";
  if (row.created == 0 && before.tombstone) return "the row changes or deletes a key that was deleted before";
  return {};
}

std::string History::problem_with_create_revision(const Row& row, const Name& before, std::int64_t predecessor) const {
  const std::int64_t said = row.create_revision.value_or(0);
  if (said == 0) return {};
  if (row.created == 1)
    return said == row.id.value ? std::string()
                                : fmt::format("the row creates its key, and says that revision {} did", said);
  if (said < 0 || said > predecessor)
    return fmt::format("the key is said to be created at revision {}, after the row it replaces", said);
  if (before.newest.value == predecessor)
    return before.created_by == 0 || before.created_by == said
               ? std::string()
               : fmt::format("the key is said to be created at revision {}, but was at {}", said, before.created_by);
  if (before.newest.value != said && exists(said))
    return fmt::format("the key is said to be created at revision {}, which is another key's", said);
  return {};
}

// Both values belong to history, unless an object is gone by it.
void History::see_value_chain(const Row& row, const Name& before) {
  if (row.created == 1) return;
  if (row.has_old_value && digest_of(row.old_value) != before.value_digest)
    value_chain_.add(
        {core::Severity::warning,
         fmt::format("the old value is not the value of revision {}, which it replaced: one of the two changed. k3s "
                     "serves neither",
                     before.newest.value),
         printable(row.name), row.id});
  if (row.is_tombstone() && row.has_value && digest_of(row.value) != before.value_digest)
    gone_values_.add(before, row.id,
                     fmt::format("the tombstone's value is not the value of revision {}, which it deletes: one of the "
                                 "two changed, or the row was no tombstone and the object is lost",
                                 before.newest.value));
}

// A pointer that went astray does no harm, unless what it points at is served, or will be.
void History::settle_strays(const Names& names) {
  std::vector<std::int64_t> served;
  if (!strays_.empty())
    for (const Name& name : names.all())
      if (name.live && name.text != kCompactKey) served.push_back(name.newest.value);
  std::sort(served.begin(), served.end());
  for (Stray& stray : strays_) {
    if (stray.target > last_ || std::binary_search(served.begin(), served.end(), stray.target)) {
      stray.finding.severity = core::Severity::error;
      stray.finding.message +=
          fmt::format(". k3s would remove revision {} at a compaction, and with it an object", stray.target);
    }
    revisions_.add(std::move(stray.finding));
  }
}

// SQLite checks that table and indexes agree, so that no torn page does this: whoever took the rows did it by SQL.
void History::finish_holes() {
  if (compact_keys_ == 0 || (holes_.empty() && replaced_ == 0)) return;
  std::int64_t missing = 0;
  for (const Hole& hole : holes_) missing += hole.last - hole.first + 1;
  std::string where = fmt::format("{} rows that later rows replaced are missing", replaced_);
  if (!holes_.empty())
    where = fmt::format(
        "{} revisions above the compact revision {} are missing, from {} to {}; {} missing rows were "
        "replaced by rows that are here",
        missing, compact_, holes_.front().first, holes_.back().last, replaced_);
  revisions_.warning(where +
                     ". Neither k3s nor compaction does that: it is what rows look like that were deleted by hand, "
                     "with DELETE FROM kine. k3s starts on what is left and serves it; which objects went with the "
                     "rows, only the snapshot before tells");
}

void History::finish_compact_key() {
  if (compact_keys_ == 0)
    revisions_.warning(
        "there is no compact_rev_key: k3s makes it again when it starts. Until then nothing tells what was compacted "
        "from what was lost");
  if (compact_ > last_)
    return revisions_.error(fmt::format(
        "the compact revision {} lies outside of the revisions there are (1 to {}): k3s would answer that all there is "
        "was compacted",
        compact_, last_));
  if (compact_ < 0)
    revisions_.warning(fmt::format(
        "the compact revision {} lies outside of the revisions there are (1 to {}): k3s compacts from the first one",
        compact_, last_));
}

// Every five minutes all is compacted that is older than five minutes: so much then waits only where there are 170
// writes a second, more than SQLite is run with. Source: kubernetes apiserver/pkg/storage/etcd3/compact.go.
void History::finish_backlog(std::size_t names) {
  if (waiting_ < kBacklog || waiting_ < kBacklogPerName * names) return;
  revisions_.warning(fmt::format(
      "{} old revisions of {} names wait for compaction, which k3s does every five minutes: it fails, or "
      "cannot keep up. A restore brings back all objects, and this backlog with them, and the database goes "
      "on growing; look for compaction in the log of k3s on the node",
      waiting_, names));
}

void History::finish_sequence(std::optional<std::int64_t> sequence) {
  if (!sequence) {
    revisions_.warning(
        "sqlite_sequence does not say which revision was handed out last, so that nothing tells whether the newest "
        "rows are there; k3s goes on after the newest that is");
  } else if (*sequence > last_) {
    revisions_.error(fmt::format("revision {} was handed out, but the newest row is {}: the newest {} are lost",
                                 *sequence, last_, *sequence - last_));
  } else if (*sequence < last_) {
    revisions_.warning(
        fmt::format("sqlite_sequence says {} was handed out last, but there is revision {}; k3s goes on after that",
                    *sequence, last_));
  }
}

void History::finish(std::optional<std::int64_t> sequence, const Names& names) {
  gone_.settle();
  settle_strays(names);
  finish_holes();
  finish_compact_key();
  finish_sequence(sequence);
  finish_backlog(names.all().size());
  if (leftovers_ > 0)
    revisions_.warning(
        fmt::format("compaction left {} rows up to revision {} that it should have removed; they do no harm",
                    leftovers_, compact_));
}

}  // namespace verifier
