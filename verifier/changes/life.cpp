#include "verifier/changes/life.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace verifier {
namespace {

// The same revision may mean two rows: after a restore, kine counts on from where the copy ended.
using RowIdentity = std::tuple<std::int64_t, RowKind, std::string, std::uint64_t>;

RowIdentity identity_of(const ObjectRow& row) { return {row.revision.value, row.kind, row.uid, row.size_bytes}; }

class Merger {
 public:
  explicit Merger(const std::string& key) {
    life_.key = key;
    const KeyIdentity identity = parse_key(key).identity;
    life_.namespace_name = identity.namespace_name;
    life_.name = identity.name;
    life_.resource = resource_name(identity, {});
  }

  void see(const Sighting& sighting);
  Life finish() &&;

 private:
  void see_state(const Sighting& sighting, const ObjectRow* newest);

  Life life_;
  std::map<RowIdentity, LifeEvent> events_;
};

void Merger::see(const Sighting& sighting) {
  const ObjectRow* newest = nullptr;
  for (const ObjectRow& row : sighting.rows.rows) {
    if (row.key != life_.key) continue;
    newest = &row;
    const auto [event, is_new] =
        events_.try_emplace(identity_of(row), LifeEvent{row, sighting.snapshot, {}, 0, false, false});
    event->second.last_snapshot = sighting.snapshot;
    event->second.compacted |= row.prev_revision.value <= sighting.rows.compact_revision.value;
    ++event->second.snapshots;
    if (!row.api_version.empty()) life_.resource = resource_name(parse_key(life_.key).identity, row.api_version);
  }
  see_state(sighting, newest);
  ++life_.snapshots;
  life_.last_snapshot = sighting.snapshot;
  life_.compact_revision = sighting.rows.compact_revision;
}

void Merger::see_state(const Sighting& sighting, const ObjectRow* newest) {
  const bool there = newest != nullptr && newest->kind != RowKind::deleted;
  Stay* stay = life_.stays.empty() || life_.stays.back().gone ? nullptr : &life_.stays.back();
  const bool other = there && stay != nullptr && !newest->uid.empty() && !stay->uid.empty() && newest->uid != stay->uid;
  if (stay != nullptr && (!there || other)) {
    stay->gone = sighting.snapshot;
    stay->deletion_compacted = sighting.rows.compact_revision.value > stay->snapshot_revision.value;
    stay = nullptr;
  }
  if (!there) return;
  if (stay == nullptr) {
    stay = &life_.stays.emplace_back();
    stay->uid = newest->uid;
    stay->first = sighting.snapshot;
  }
  if (stay->uid.empty()) stay->uid = newest->uid;
  stay->last = sighting.snapshot;
  stay->last_revision = newest->revision;
  stay->snapshot_revision = sighting.rows.revision;
  ++stay->count;
}

Life Merger::finish() && {
  std::set<std::int64_t> known;
  for (auto& [identity, event] : events_) {
    event.after_unknown = event.row.prev_revision.value > 0 ? !known.contains(event.row.prev_revision.value)
                                                            : event.row.kind != RowKind::created;
    known.insert(event.row.revision.value);
    life_.events.push_back(std::move(event));
  }
  for (Stay& stay : life_.stays) {
    if (!stay.gone) continue;
    const auto deletion = std::find_if(life_.events.begin(), life_.events.end(), [&](const LifeEvent& event) {
      return event.row.kind == RowKind::deleted && event.row.revision.value > stay.last_revision.value &&
             (event.row.uid.empty() || stay.uid.empty() || event.row.uid == stay.uid);
    });
    if (deletion != life_.events.end()) stay.deleted_at = deletion->row.revision;
  }
  return std::move(life_);
}

}  // namespace

std::vector<Life> merge_lives(const std::vector<Sighting>& sightings) {
  std::map<std::string, Merger> mergers;
  for (const Sighting& sighting : sightings)
    for (const ObjectRow& row : sighting.rows.rows) mergers.try_emplace(row.key, row.key);
  std::vector<Life> lives;
  for (auto& [key, merger] : mergers) {
    for (const Sighting& sighting : sightings) merger.see(sighting);
    lives.push_back(std::move(merger).finish());
  }
  return lives;
}

}  // namespace verifier
