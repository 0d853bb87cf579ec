#include "verifier/lineage_check.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/error.hpp"
#include "verifier/bump_revision.hpp"
#include "verifier/identity.hpp"
#include "verifier/names.hpp"
#include "verifier/rows.hpp"
#include "verifier/text.hpp"

namespace verifier {
namespace {

struct Point {
  std::int64_t newest = 0;
  std::int64_t compact = 0;
  std::string cluster;  // uid of its kube-system; empty when there is none
};

Point point_of(Database& database) {
  return {query_integer(database, "SELECT max(id) FROM main.kine").value_or(0), compact_revision_of(database).value,
          kube_system_uid(database)};
}

// Where a cluster goes on that was restored since `then`, from whatever snapshot, with its revision bumped. Its gap row
// need not be left, but of the revisions that were leapt over there never was one. Empty when it was not.
std::optional<std::int64_t> bumped_since(Database& database, const Point& then) {
  Statement statement(database, "SELECT min(id) FROM main.kine WHERE id > ?");
  statement.bind(1, then.newest);
  if (!statement.step() || statement.integer(0) - then.newest < kLeap) return std::nullopt;
  return statement.integer(0);
}

bool same(const Row& a, const Row& b) {
  return a.has_name == b.has_name && a.name == b.name && a.created == b.created && a.deleted == b.deleted &&
         a.create_revision == b.create_revision && a.prev_revision == b.prev_revision && a.lease == b.lease &&
         a.has_value == b.has_value && a.value == b.value && a.has_old_value == b.has_old_value &&
         a.old_value == b.old_value;
}

class Comparison {
 public:
  /// `replayed` is up to which revision there may be rows that were compacted in the earlier snapshot.
  Comparison(const Point& now, const Point& then, std::int64_t replayed, const std::string& name, CheckBuilder& check)
      : now_(now), then_(then), replayed_(replayed), name_(name), check_(check) {}

  void run(Database& database, Database& previous);

 private:
  struct Gone {
    std::int64_t revision;
    std::string key;
  };
  void see_gone(const Row& then);
  void see_successor(const Row& then);
  void error(const Row& row, std::string message) { error(row.name, row.id, std::move(message)); }
  void error(std::string_view key, core::Revision revision, std::string message) {
    check_.add({core::Severity::error, std::move(message), printable(key), revision});
  }
  void lost(std::string_view key, core::Revision revision) {
    if (alike_.may_be_mistaken(key)) return;  // compaction took it for another key's
    error(key, revision, fmt::format("the row is in {}, and is lost: compaction does not remove it", name_));
  }

  const Point& now_;
  const Point& then_;
  const std::int64_t replayed_;
  const std::string& name_;
  CheckBuilder& check_;
  // Rows that compaction may have removed, if a later row of the same name turns out to stand for them; by the digest
  // of the name.
  std::unordered_map<std::uint64_t, Gone> gone_;
  AlikeNames alike_;
};

void Comparison::see_gone(const Row& then) {
  if (then.name == kCompactKey) return;
  if (then.id.value > now_.compact) return lost(then.name, then.id);
  if (!then.is_tombstone()) gone_.insert_or_assign(digest_of(then.name), Gone{then.id.value, std::string(then.name)});
}

void Comparison::see_successor(const Row& then) {
  if (gone_.empty()) return;
  const auto gone = gone_.find(digest_of(then.name));
  if (gone == gone_.end()) return;
  if (then.id.value > now_.compact) lost(gone->second.key, {gone->second.revision});
  gone_.erase(gone);
}

void Comparison::run(Database& database, Database& previous) {
  RowScan now(database);
  RowScan then(previous);
  bool more_now = now.next();
  while (then.next() && then.row().id.value <= now_.newest) {
    alike_.see(then.row().name);
    see_successor(then.row());
    for (; more_now && now.row().id < then.row().id; more_now = now.next())
      if (now.row().id.value > replayed_)
        error(now.row(), fmt::format("the row is not in {}, which is later than it", name_));
    if (!more_now || then.row().id < now.row().id) {
      see_gone(then.row());
      continue;
    }
    if (then.row().name != kCompactKey && !same(now.row(), then.row()))
      error(now.row(), fmt::format("the row is another one in {}: one of the two changed", name_));
    more_now = now.next();
  }
  // What was compacted since may have been replaced after the earlier snapshot; else its successor had to be in there.
  if (now_.compact > then_.newest) return;
  for (const auto& [digest, gone] : gone_) lost(gone.key, {gone.revision});
}

}  // namespace

void check_lineage(Database& database, Database& previous, const std::string& name, CheckBuilder& check) {
  const Point now = point_of(database);
  const Point then = core::in_context("while reading " + name, [&] { return point_of(previous); });
  if (now.cluster != then.cluster)
    return check.error(fmt::format("this is another cluster than {}: the namespace kube-system has another uid", name));
  if (now.newest < then.newest)
    check.error(
        fmt::format("the newest revision is {}, behind {} of {}: this is an older state, or the node was restored",
                    now.newest, then.newest, name));
  if (now.compact < then.compact)
    check.error(fmt::format("the compact revision is {}, behind {} of {}", now.compact, then.compact, name));
  const std::optional<std::int64_t> bumped = bumped_since(database, then);
  Comparison(now, then, bumped ? then.compact : 0, name, check).run(database, previous);
  if (!bumped) return check.note(fmt::format("{} revisions since {}", now.newest - then.newest, name));
  const std::string restored =
      fmt::format("restored since {}, whose revision is {}: it goes on at {}", name, then.newest, *bumped);
  // Before it was served it is a copy that is about to be restored.
  if (now.newest == *bumped) return check.note(restored);
  check.warning(restored);
}

}  // namespace verifier
