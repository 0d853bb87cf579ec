#include "verifier/checks/lineage_check.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/error.hpp"
#include "verifier/keys/identity.hpp"
#include "verifier/kine/bump_revision.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/kine/name_table.hpp"
#include "verifier/kine/rows.hpp"

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
      : then_(then),
        now_(now),
        reach_(now.compact < then.compact ? now.newest : now.compact),
        replayed_(replayed),
        name_(name),
        check_(check) {}

  void run(Database& database, Database& previous);

 private:
  struct Gone {
    std::int64_t revision;
    std::string key;
  };
  void see_now(const Row& now);
  void see_gone(const Row& then);
  void finish();
  void add(core::Severity severity, std::string_view key, core::Revision revision, std::string message) {
    check_.add({severity, std::move(message), printable(key), revision});
  }

  const Point& then_;
  const Point& now_;
  const std::int64_t reach_;  // of compaction; all there is, when its revision was set back and says nothing
  const std::int64_t replayed_;
  const std::string& name_;
  CheckBuilder& check_;
  // By the digest of the name, until a later row of that name turns up: then k3s serves that.
  std::unordered_map<std::uint64_t, Gone> gone_;
  std::unordered_map<std::uint64_t, Gone> changed_;
  std::uint64_t taken_out_ = 0;  // rows that compaction leaves
  AlikeNames alike_;
};

void Comparison::see_now(const Row& now) {
  if (gone_.empty() && changed_.empty()) return;
  const std::uint64_t digest = digest_of(now.name);
  gone_.erase(digest);
  const auto changed = changed_.find(digest);
  if (changed == changed_.end()) return;
  add(core::Severity::warning, changed->second.key, {changed->second.revision},
      fmt::format("the row is another one in {}: one of the two changed, and a later row replaced it", name_));
  changed_.erase(changed);
}

void Comparison::see_gone(const Row& then) {
  if (then.name == kCompactKey) return;
  if (then.id.value > reach_ && !alike_.may_be_mistaken(then.name)) ++taken_out_;
  if (then.is_tombstone()) {
    gone_.erase(digest_of(then.name));
  } else {
    gone_.insert_or_assign(digest_of(then.name), Gone{then.id.value, std::string(then.name)});
  }
}

void Comparison::run(Database& database, Database& previous) {
  RowScan now(database);
  RowScan then(previous);
  bool more_now = now.next();
  const auto step = [&] {
    see_now(now.row());
    more_now = now.next();
  };
  while (then.next() && then.row().id.value <= now_.newest) {
    alike_.see(then.row().name);
    while (more_now && now.row().id < then.row().id) {
      if (now.row().id.value > replayed_)
        add(core::Severity::error, now.row().name, now.row().id,
            fmt::format("the row is not in {}, which is later than it", name_));
      step();
    }
    if (!more_now || then.row().id < now.row().id) {
      see_gone(then.row());
      continue;
    }
    const bool is_same = then.row().name == kCompactKey || same(now.row(), then.row());
    const Gone here{now.row().id.value, std::string(is_same ? std::string_view() : now.row().name)};
    step();
    if (!is_same) changed_.insert_or_assign(digest_of(here.key), here);
  }
  while (more_now && !(gone_.empty() && changed_.empty())) step();
  finish();
}

// What compaction reached and may have been deleted after the earlier snapshot is no loss; an event is history itself.
void Comparison::finish() {
  for (const auto& [digest, changed] : changed_)
    add(core::Severity::error, changed.key, {changed.revision},
        fmt::format("the row is another one in {}: one of the two changed", name_));
  for (const auto& [digest, gone] : gone_) {
    const bool may_be_deleted = gone.revision <= reach_ && reach_ > then_.newest;
    if (may_be_deleted || gone.key.starts_with("/registry/events/") || alike_.may_be_mistaken(gone.key)) continue;
    add(core::Severity::error, gone.key, {gone.revision},
        fmt::format("the row is in {}, and is lost: compaction does not remove it", name_));
  }
  if (taken_out_ > 0)
    check_.warning(
        fmt::format("{} rows that {} holds are gone although compaction does not remove them: somebody deleted them by "
                    "hand. Those that no error names were replaced later, deleted, or events",
                    taken_out_, name_));
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
    check.warning(fmt::format(
        "the compact revision is {}, behind {} of {}, as when k3s found two of it, or none, when it started: what was "
        "compacted since cannot be told from what was lost",
        now.compact, then.compact, name));
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
