#include "verifier/kine/bump_revision.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "verifier/kine/rows.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {
namespace {

constexpr std::int64_t kRevisionsPerSecond = 1'000;
constexpr std::int64_t kRound = 1'000'000;
constexpr std::int64_t kFarthest = std::int64_t{1} << 60;  // 1,000 revisions a second for 36 million years

// Of several kine goes by the highest (k3s#1311), and where there is none it makes one.
void keep_one_compact_key(Database& database) {
  Statement remove(database,
                   "DELETE FROM main.kine WHERE name = ?1 AND id <> (SELECT id FROM main.kine WHERE name = ?1 ORDER BY "
                   "prev_revision DESC, id LIMIT 1)");
  remove.bind(1, kCompactKey);
  remove.step();
  Statement insert(database,
                   "INSERT INTO main.kine (name, created, deleted, create_revision, prev_revision, lease, value, "
                   "old_value) SELECT ?1, 1, 0, 0, 0, 0, CAST('' AS BLOB), NULL WHERE NOT EXISTS (SELECT 1 FROM "
                   "main.kine WHERE name = ?1)");
  insert.bind(1, kCompactKey);
  insert.step();
}

// All revisions that the copy knows of lie before it.
std::int64_t next_revision(Database& database) {
  const std::int64_t last = std::max({query_integer(database, "SELECT max(id) FROM main.kine").value_or(0),
                                      compact_revision_of(database).value, sequence_of(database).value_or(0)});
  if (last >= kFarthest)
    throw core::Error(core::ErrorKind::damaged, fmt::format("no cluster gets to revision {}", last));
  return last + 1;
}

// By names and not, as kine does, by what a row says that it replaced: kine before 0.16.3 now and then names another
// key's.
void remove_replaced(Database& database) {
  Statement remove(
      database,
      "DELETE FROM main.kine WHERE name <> ? AND (deleted <> 0 OR id NOT IN (SELECT max(id) FROM main.kine "
      "GROUP BY name))");
  remove.bind(1, kCompactKey);
  remove.step();
}

void add_gap(Database& database, std::int64_t revision) {
  Statement insert(database,
                   "INSERT INTO main.kine (id, name, created, deleted, create_revision, prev_revision, lease, value, "
                   "old_value) VALUES (?, ?, 0, 1, 0, 0, 0, NULL, NULL)");
  insert.bind(1, revision);
  insert.bind(2, fmt::format("{}{}", kGapPrefix, revision));
  insert.step();
}

void set_compact_revision(Database& database, std::int64_t revision) {
  Statement update(database, "UPDATE main.kine SET prev_revision = ? WHERE name = ?");
  update.bind(1, revision);
  update.bind(2, kCompactKey);
  update.step();
}

}  // namespace

core::Revision revision_beyond(core::Revision newest, std::chrono::nanoseconds elapsed) {
  if (newest.value < 0 || newest.value >= kFarthest)
    throw core::Error(core::ErrorKind::damaged, fmt::format("no cluster gets to revision {}", newest.value));
  const std::int64_t seconds = std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::seconds>(elapsed).count());
  const std::int64_t beyond = newest.value + kLeap + seconds * kRevisionsPerSecond;
  return {(beyond + kRound - 1) / kRound * kRound};
}

core::Revision bump_revision(const std::filesystem::path& database, core::Revision beyond) {
  if (beyond.value <= 0 || beyond.value > kFarthest)
    throw core::Error(core::ErrorKind::usage, fmt::format("{} is no revision to go on from", beyond.value));
  return core::in_context("while moving on the revision of " + database.string(), [&] {
    Change change(database);
    keep_one_compact_key(change.database());
    const std::int64_t compact = std::max(beyond.value, next_revision(change.database()));
    remove_replaced(change.database());
    set_compact_revision(change.database(), compact);
    add_gap(change.database(), compact + 1);
    change.commit();
    return core::Revision{compact + 1};
  });
}

}  // namespace verifier
