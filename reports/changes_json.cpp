#include <map>
#include <nlohmann/json.hpp>

#include "core/json_text.hpp"
#include "reports/changes.hpp"

namespace reports {
namespace {

using json = nlohmann::ordered_json;
using Counts = std::map<verifier::ChangeKind, std::size_t>;

json text_or_null(std::string_view text) { return text.empty() ? json(nullptr) : json(text); }

json counts_json(Counts& counts) {
  json object = json::object();
  for (const verifier::ChangeKind kind : {verifier::ChangeKind::created, verifier::ChangeKind::changed,
                                          verifier::ChangeKind::recreated, verifier::ChangeKind::deleted})
    object[std::string(verifier::to_string(kind))] = counts[kind];
  return object;
}

json side_json(const DiffSide& side) {
  return {{"name", side.name},
          {"cluster", text_or_null(side.cluster)},
          {"taken_at", side.taken_at ? json(core::format_rfc3339(*side.taken_at)) : json(nullptr)},
          {"revision", side.inventory->revision.value},
          {"compact_revision", side.inventory->compact_revision.value},
          {"objects", side.inventory->objects.size()},
          {"undecodable", side.inventory->undecodable}};
}

json version_json(const verifier::Object* object) {
  if (object == nullptr) return nullptr;
  return {{"uid", text_or_null(object->uid)}, {"revision", object->revision.value}};
}

json change_json(const verifier::Change& change) {
  const verifier::Object& object = change.object();
  return {{"change", verifier::to_string(change.kind)},
          {"resource", object.resource},
          {"namespace", text_or_null(object.namespace_name)},
          {"name", object.name},
          {"key", change.key},
          {"before", version_json(change.before)},
          {"after", version_json(change.after)}};
}

std::string_view event_word(verifier::RowKind kind) {
  switch (kind) {
    case verifier::RowKind::created:
      return "created";
    case verifier::RowKind::changed:
      return "changed";
    case verifier::RowKind::deleted:
      return "deleted";
  }
  return "changed";
}

json event_json(const verifier::LifeEvent& event) {
  const verifier::ObjectRow& row = event.row;
  return {{"revision", row.revision.value},
          {"event", event_word(row.kind)},
          {"uid", text_or_null(row.uid)},
          {"timestamp", row.timestamp ? json(core::format_rfc3339(*row.timestamp)) : json(nullptr)},
          {"size_bytes", row.kind == verifier::RowKind::deleted ? json(nullptr) : json(row.size_bytes)},
          {"first_snapshot", event.first_snapshot},
          {"last_snapshot", event.last_snapshot},
          {"unknown_before", event.after_unknown ? json(row.prev_revision.value) : json(nullptr)}};
}

json deletion_word(const verifier::Stay& stay) {
  if (!stay.gone) return nullptr;
  return stay.deleted_at ? "known" : stay.deletion_compacted ? "compacted" : "missing";
}

json stay_json(const verifier::Stay& stay) {
  return {{"uid", text_or_null(stay.uid)},
          {"first", stay.first},
          {"last", stay.last},
          {"snapshots", stay.count},
          {"gone", stay.gone ? json(*stay.gone) : json(nullptr)},
          {"deleted_at_revision", stay.deleted_at ? json(stay.deleted_at->value) : json(nullptr)},
          {"deletion", deletion_word(stay)}};
}

}  // namespace

std::string diff_json(const DiffOutcome& outcome) {
  Counts total;
  std::map<std::string, std::map<std::string, Counts>> by_namespace;
  json changes = json::array();
  for (const verifier::Change& change : outcome.difference.changes) {
    const verifier::Object& object = change.object();
    ++total[change.kind];
    ++by_namespace[std::string(object.namespace_name)][std::string(object.resource)][change.kind];
    changes.push_back(change_json(change));
  }
  json groups = json::array();
  for (auto& [space, resources] : by_namespace)
    for (auto& [resource, counts] : resources) {
      json group = {{"namespace", text_or_null(space)}, {"resource", resource}};
      group.update(counts_json(counts));
      groups.push_back(std::move(group));
    }
  json document = {{"schema", "k3s-drill/diff/1"},
                   {"from", side_json(outcome.before)},
                   {"to", side_json(outcome.after)},
                   {"other_cluster", outcome.difference.other_cluster}};
  document.update(counts_json(total));
  document["namespaces_created"] = outcome.difference.namespaces_new;
  document["namespaces_deleted"] = outcome.difference.namespaces_gone;
  document["groups"] = groups;
  document["changes"] = changes;
  return core::json_text(document);
}

std::string log_json(const LogOutcome& outcome) {
  const verifier::Life& life = outcome.life;
  json events = json::array();
  for (const verifier::LifeEvent& event : life.events) events.push_back(event_json(event));
  json stays = json::array();
  for (const verifier::Stay& stay : life.stays) stays.push_back(stay_json(stay));
  json passed_over = json::array();
  for (const PassedOver& one : outcome.passed_over)
    passed_over.push_back({{"snapshot", one.snapshot}, {"reason", one.reason}});
  json vanished = nullptr;
  if (life.vanished()) {
    const verifier::Stay& stay = life.stays.back();
    vanished = {{"last_with", stay.last},
                {"first_without", *stay.gone},
                {"deleted_at_revision", stay.deleted_at ? json(stay.deleted_at->value) : json(nullptr)},
                {"get_back", outcome.get_back}};
  }
  return core::json_text({{"schema", "k3s-drill/log/1"},
                          {"cluster", outcome.cluster},
                          {"object",
                           {{"key", life.key},
                            {"resource", life.resource},
                            {"namespace", text_or_null(life.namespace_name)},
                            {"name", life.name}}},
                          {"snapshots", life.snapshots},
                          {"passed_over", passed_over},
                          {"compact_revision", life.compact_revision.value},
                          {"events", events},
                          {"stays", stays},
                          {"vanished", vanished}});
}

}  // namespace reports
