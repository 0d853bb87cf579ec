// What a restore does to its copy before a node gets it: moves the revision on, beyond all that clients have seen.
// A restored database goes on at the snapshot's revision, and hands out again, with another meaning, what was handed
// out before: a watch from then waits in silence for what it takes for the future. Beyond a bump each old revision is a
// compacted one; clients are told so, and list anew. Source: kubernetes/kubernetes#107457; etcdutl snapshot restore
// --bump-revision --mark-compacted does the same for etcd.
// So it also does what a compaction up to there does: kine 0.17 never looks behind the compact revision again, and a
// row left there comes back to life as soon as what replaced it is deleted and compacted. What it does not do: touch a
// live row.
#pragma once

#include <chrono>
#include <filesystem>

#include "core/revision.hpp"

namespace verifier {

/// The least that revision_beyond() leaps. Where no row of the next million revisions is left, a bump was made.
inline constexpr std::int64_t kLeap = 1'000'000;

/// A round revision that no client can have seen, when `newest` is the snapshot's and `elapsed` the time since it was
/// taken; a negative one counts as none. 650 writes a second were measured, 1,000 are assumed.
/// Throws: damaged, when `newest` is no revision that a cluster gets to.
core::Revision revision_beyond(core::Revision newest, std::chrono::nanoseconds elapsed);

/// Makes `beyond`, or the next revision when the scratch copy `database` is there already, its compact revision, and
/// the one after it its newest: another number in the one compact_rev_key, one row `gap-<newest>` as kine fills gaps,
/// and no row that was replaced or deletes. One apart, as kine that starts with nothing to compact compacts nothing
/// until its next start. Returns the newest. Leaves: one plain file, in the journal mode it was in, with what a -wal
/// beside it held; after a failure, nothing changed. Throws: usage (`beyond` is no revision), damaged, storage,
/// timeout, cancelled. Source: kine pkg/drivers/generic/generic.go Fill and pkg/logstructured/sqllog/sql.go, v0.11.9 to
/// v0.17.5.
core::Revision bump_revision(const std::filesystem::path& database, core::Revision beyond);

}  // namespace verifier
