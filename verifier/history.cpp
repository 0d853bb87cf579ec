#include "verifier/history.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "verifier/text.hpp"

namespace verifier {
namespace {

// kine 0.17 writes one when a client deletes, without comparing, what is not there.
bool is_stray_tombstone(const Row& row) {
  return row.is_tombstone() && row.prev_revision == 0 && !row.has_value && !row.has_old_value && !row.create_revision;
}

bool is_flag(const std::optional<std::int64_t>& value) { return value == 0 || value == 1; }

}  // namespace

void History::error(const Row& row, std::string message) {
  revisions_.add({severity_for(row.name), std::move(message), printable(row.name), row.id});
}

bool History::exists(std::int64_t revision) const {
  return std::binary_search(compacted_.begin(), compacted_.end(), revision);
}

std::int64_t History::created_by(const Row& row, const Name& before) {
  if (row.created == 1 || before.tombstone) return row.id.value;
  const std::int64_t said = row.create_revision.value_or(0);
  return said != 0 ? said : before.created_by;
}

void History::see_revision(const Row& row) {
  const std::int64_t first_expected = std::max(last_, compact_) + 1;
  if (row.id.value > first_expected && row.id.value > compact_)
    revisions_.error(
        fmt::format("revisions {} to {} are missing, {} of them: above the compact revision {} there is no hole",
                    first_expected, row.id.value - 1, row.id.value - first_expected, compact_));
  if (row.id.value <= 0) error(row, "the revision is not a positive number");
  last_ = row.id.value;
  if (row.id.value <= compact_) compacted_.push_back(row.id.value);
}

bool History::is_well_formed(const Row& row) {
  if (!row.has_name) {
    error(row, "a row has no name, so that k3s never finds it");
    return false;
  }
  if (!is_flag(row.created) || !is_flag(row.deleted)) {
    error(row, "a row does not say whether it creates or deletes");
    return false;
  }
  if (row.created == 1 && row.deleted == 1) {
    error(row, "a row creates and deletes at once");
    return false;
  }
  if (!row.prev_revision || *row.prev_revision < 0) {
    error(row, "a row does not say which revision it replaces");
    return false;
  }
  if (row.lease.value_or(-1) < 0) error(row, "a row has no lease, which is a number of seconds or 0");
  return true;
}

void History::see(const Row& row, const Name& before) {
  see_revision(row);
  if (row.name == kCompactKey) {
    see_compact_key(row);
    return;
  }
  if (!is_well_formed(row)) return;
  if (row.name.starts_with(kGapPrefix)) {
    if (row.name.substr(kGapPrefix.size()) != fmt::format_int(row.id.value).c_str() || !row.is_tombstone() ||
        *row.prev_revision != 0)
      error(row, "a row that fills a gap is not as kine makes it");
    return;
  }
  alike_.see(row.name);
  unset_create_revision_ |= !row.create_revision;
  const std::int64_t predecessor = *row.prev_revision;
  if (is_stray_tombstone(row)) {
    revisions_.add({core::Severity::warning,
                    "the row deletes what was never created, as only a client other than Kubernetes asks for",
                    printable(row.name), row.id});
    return;
  }
  if (row.id.value <= compact_ && (before.newest.value != 0 || row.is_tombstone())) ++leftovers_;
  std::string problem = problem_with_predecessor(row, before, predecessor);
  if (problem.empty()) problem = problem_with_create_revision(row, before, predecessor);
  if (!problem.empty()) error(row, std::move(problem));
  if (before.newest.value != 0 && before.newest.value == predecessor) see_value_chain(row, before);
}

void History::see_compact_key(const Row& row) {
  if (++compact_keys_ > 1) error(row, "a second compact_rev_key: k3s drops one of them at its start");
  if (row.created != 1 || row.deleted != 0 || !row.prev_revision)
    error(row, "the row that holds the compact revision is not as kine makes it");
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
  if (before.newest.value < predecessor) return problem_with_missing(row, predecessor);
  if (predecessor == 0) return {};
  if (row.created == 1 && !before.tombstone) return "the row creates a key that was there already";
  if (row.created == 0 && before.tombstone) return "the row changes or deletes a key that was deleted before";
  return {};
}

std::string History::problem_with_missing(const Row& row, std::int64_t predecessor) const {
  if (predecessor > compact_)
    return fmt::format("the row replaces revision {}, which is missing although it was never compacted", predecessor);
  if (exists(predecessor)) return fmt::format("the row replaces revision {}, which is another key's", predecessor);
  if (row.created == 0 && row.id.value > compact_)
    return fmt::format(
        "the row replaces revision {}, which is missing although compaction keeps what was replaced after the compact "
        "revision",
        predecessor);
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

void History::see_value_chain(const Row& row, const Name& before) {
  if (row.created == 1) return;
  if (row.has_old_value && digest_of(row.old_value) != before.value_digest)
    value_chain_.add(
        {core::Severity::error,
         fmt::format("the old value is not the value of revision {}, which it replaced: one of the two changed",
                     before.newest.value),
         printable(row.name), row.id});
  if (row.is_tombstone() && row.has_value && digest_of(row.value) != before.value_digest)
    value_chain_.add(
        {core::Severity::error,
         fmt::format("the tombstone's value is not the value of revision {}, which it deletes: one of the two "
                     "changed",
                     before.newest.value),
         printable(row.name), row.id});
}

void History::finish(std::optional<std::int64_t> sequence) {
  if (compact_keys_ == 0) revisions_.error("there is no compact_rev_key: k3s would not know what was compacted");
  if (compact_ < 0 || compact_ > last_)
    revisions_.error(
        fmt::format("the compact revision {} lies outside of the revisions there are (1 to {})", compact_, last_));
  if (!sequence) {
    revisions_.error("sqlite_sequence does not say which revision was handed out last");
  } else if (*sequence > last_) {
    revisions_.error(fmt::format("revision {} was handed out, but the newest row is {}: the newest {} are lost",
                                 *sequence, last_, *sequence - last_));
  } else if (*sequence < last_) {
    revisions_.error(
        fmt::format("sqlite_sequence says {} was handed out last, but there is revision {}", *sequence, last_));
  }
  if (leftovers_ > 0)
    revisions_.warning(
        fmt::format("compaction left {} rows up to revision {} that it should have removed; they do no harm",
                    leftovers_, compact_));
}

}  // namespace verifier
