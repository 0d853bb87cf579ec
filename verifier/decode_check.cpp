#include "verifier/decode_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "verifier/object.hpp"
#include "verifier/resource.hpp"
#include "verifier/rows.hpp"
#include "verifier/text.hpp"

namespace verifier {
namespace {

constexpr std::uint64_t kProgressRows = 1'000;
constexpr std::string_view kCompactKey = "compact_rev_key";

// What the newest row so far of one name said.
struct Newest {
  core::Revision revision;
  bool live = false;
  bool sealed = false;
  KeyKind kind = KeyKind::other;
  std::string api_version;
  std::string uid;
  std::string problem;  // empty when the value is sound
};

struct NodeVersion {
  std::string key;
  std::string version;
  bool control_plane = false;
};

class DecodePass {
 public:
  DecodePass(Verification& result, CheckBuilder& check) : result_(result), check_(check) {}

  void see(const Row& row);
  void finish();

 private:
  void see_value(const Row& row, const ParsedKey& key, Newest& newest);
  void count(const std::string& key, Newest& newest);
  void choose_k3s_version();

  Verification& result_;
  CheckBuilder& check_;
  std::unordered_map<std::string, Newest> newest_by_name_;
  std::unordered_map<std::string, NodeVersion> nodes_;
};

std::string compare_with_key(const StoredObject& object, const KeyIdentity& identity) {
  if (object.api_version.empty() || object.kind.empty()) return "does not say what kind of object it is";
  if (object.uid.empty()) return "carries no metadata.uid";
  if (object.name != identity.name) return "carries another name than its key";
  if (object.namespace_name != identity.namespace_name) return "carries another namespace than its key";
  return {};
}

void DecodePass::see(const Row& row) {
  ++result_.coverage.rows_checked;
  result_.revision = std::max(result_.revision, row.id);
  if (row.is_tombstone()) ++result_.rows.tombstones;
  if (!row.has_name) {
    check_.add({core::Severity::error, "a row has no name, so that k3s never finds it", {}, row.id});
    return;
  }
  if (!row.deleted)
    check_.add({core::Severity::error, "a row does not say whether it is deleted", printable(row.name), row.id});
  const ParsedKey key = parse_key(row.name);
  Newest newest{row.id, row.is_live(), false, key.kind, {}, {}, {}};
  if (row.name == kCompactKey) result_.compact_revision = {row.prev_revision.value_or(0)};
  if (newest.live && key.kind != KeyKind::other) see_value(row, key, newest);
  newest_by_name_.insert_or_assign(std::string(row.name), std::move(newest));
}

void DecodePass::see_value(const Row& row, const ParsedKey& key, Newest& newest) {
  if (key.kind == KeyKind::malformed || !is_plain_text(row.name)) {
    newest.problem = "the key has a form that Kubernetes does not use";
    return;
  }
  if (is_sealed(row.value)) {
    newest.sealed = true;
    return;
  }
  try {
    StoredObject object = decode_object(row.value);
    if (object.newest_change) keep_newest(result_.newest_change, *object.newest_change);
    if (key.kind == KeyKind::internal) return;
    const std::string mismatch = compare_with_key(object, key.identity);
    if (!mismatch.empty()) newest.problem = "the stored value " + mismatch;
    if (!object.kubelet_version.empty())
      nodes_.insert_or_assign(std::string(row.name),
                              NodeVersion{std::string(row.name), object.kubelet_version, object.control_plane});
    newest.api_version = std::move(object.api_version);
    newest.uid = std::move(object.uid);
  } catch (const core::Error& error) {
    newest.problem = std::string("the stored value ") + error.what();
  }
}

void DecodePass::count(const std::string& key, Newest& newest) {
  Census& census = result_.census;
  if (newest.kind != KeyKind::internal) ++result_.coverage.objects_total;
  if (!newest.problem.empty()) {
    check_.add({core::Severity::error, newest.problem, printable(key), newest.revision});
    return;
  }
  if (newest.kind == KeyKind::internal) {
    ++census.internal_keys;
    return;
  }
  ++result_.coverage.objects_decoded;
  const KeyIdentity identity = parse_key(key).identity;
  TextStore& text = *result_.text;
  const auto resource = census.by_resource.try_emplace(resource_name(identity, newest.api_version)).first;
  Object object{text.keep(resource->first),
                text.keep(identity.namespace_name),
                text.keep(identity.name),
                text.keep(newest.uid),
                newest.revision,
                text.keep(newest.api_version)};
  ++census.objects_total;
  ++resource->second;
  if (newest.sealed) ++census.sealed;
  if (object.resource == "namespaces") {
    ++census.namespaces;
    if (object.name == "kube-system") result_.kube_system_uid = object.uid;
  }
  if (object.namespace_name.empty()) {
    ++census.cluster_scoped;
  } else {
    ++census.by_namespace[std::string(object.namespace_name)];
  }
  result_.objects.push_back(std::move(object));
}

void DecodePass::choose_k3s_version() {
  const NodeVersion* chosen = nullptr;
  for (const auto& [key, node] : nodes_) {
    const auto newest = newest_by_name_.find(key);
    if (newest == newest_by_name_.end() || !newest->second.live || !newest->second.problem.empty()) continue;
    const bool better = chosen == nullptr || std::pair(!node.control_plane, std::string_view(node.key)) <
                                                 std::pair(!chosen->control_plane, std::string_view(chosen->key));
    if (better) chosen = &node;
  }
  if (chosen != nullptr) result_.k3s_version = chosen->version;
}

void DecodePass::finish() {
  choose_k3s_version();
  std::vector<std::pair<const std::string, Newest>*> live;
  for (auto& entry : newest_by_name_) {
    if (!entry.second.live) continue;
    ++result_.rows.live;
    if (entry.second.kind != KeyKind::other) live.push_back(&entry);
  }
  std::sort(live.begin(), live.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  for (auto* entry : live) count(entry->first, entry->second);
}

}  // namespace

void check_decode(Database& database, Verification& result, CheckBuilder& check, const Progress& progress) {
  result.rows.total = count_rows(database);
  result.coverage.rows_total = result.rows.total;
  DecodePass pass(result, check);
  try {
    scan_rows(database, [&](const Row& row) {
      if (progress && result.coverage.rows_checked % kProgressRows == 0)
        progress(fmt::format("decoding {} of {} rows", result.coverage.rows_checked, result.rows.total));
      pass.see(row);
    });
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged) throw;
    check.error(fmt::format("the rows cannot be read beyond revision {}: {}", result.revision.value, error.what()));
  }
  pass.finish();
  if (result.rows.live == 0)
    check.error("there is not a single live row: k3s would start a new, empty cluster from this");
}

}  // namespace verifier
