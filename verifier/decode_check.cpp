#include "verifier/decode_check.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "verifier/text.hpp"

namespace verifier {
namespace {

std::string_view compare_with_key(const StoredObject& object, const KeyIdentity& identity) {
  if (object.api_version.empty() || object.kind.empty()) return "does not say what kind of object it is";
  if (object.uid.empty()) return "carries no metadata.uid";
  if (object.name != identity.name) return "carries another name than its key";
  if (object.namespace_name != identity.namespace_name) return "carries another namespace than its key";
  return {};
}

}  // namespace

// What is wrong with `value`; empty when it is sound.
std::string Decoder::read(std::string_view value, const Row& row, const ParsedKey& key, StoredObject& object) const {
  if (key.kind == KeyKind::malformed || !is_plain_text(row.name))
    return "the key has a form that Kubernetes does not use";
  try {
    object = decode_object(value);
  } catch (const core::Error& error) {
    return error.what();
  }
  if (key.kind == KeyKind::internal) return {};
  return std::string(compare_with_key(object, key.identity));
}

void Decoder::see(const Row& row, Name& name) {
  const ParsedKey key = parse_key(row.name);
  name.kind = key.kind;
  name.sealed = false;
  name.problem = 0;
  if (key.kind == KeyKind::other || (row.is_tombstone() && row.value.empty())) return;
  if (is_sealed(row.value)) {
    name.sealed = true;
    name.uid = {};
    name.api_version = 0;
    return;
  }
  StoredObject object;
  const std::string problem = read(row.value, row, key, object);
  if (!problem.empty()) {
    name.problem = texts_.number_of(problem);
    decode_.add({core::Severity::error, "the stored value " + problem, printable(row.name), row.id});
    return;
  }
  if (object.newest_change) keep_newest(result_.newest_change, *object.newest_change);
  if (!object.kubelet_version.empty())
    nodes_.insert_or_assign(std::string(row.name), NodeVersion{object.kubelet_version, object.control_plane});
  name.api_version = texts_.number_of(object.api_version);
  if (name.uid != object.uid) name.uid = result_.text->keep(object.uid);
}

void Decoder::see_old_value(const Row& row, KeyKind kind) {
  if (!row.has_old_value || row.old_value.empty() || kind == KeyKind::other || is_sealed(row.old_value)) return;
  StoredObject object;
  const std::string problem = read(row.old_value, row, parse_key(row.name), object);
  if (!problem.empty())
    value_chain_.add({core::Severity::error, "the old value " + problem, printable(row.name), row.id});
}

void Decoder::count(Name& name) {
  Census& census = result_.census;
  if (name.kind != KeyKind::internal) ++result_.coverage.objects_total;
  if (name.problem != 0) return;
  if (name.kind == KeyKind::internal) {
    ++census.internal_keys;
    return;
  }
  ++result_.coverage.objects_decoded;
  const KeyIdentity identity = parse_key(name.text).identity;
  const std::string_view api_version = texts_[name.api_version];
  const std::string resource = resource_name(identity, api_version);
  const Object object{
      texts_[texts_.number_of(resource)], identity.namespace_name, identity.name, name.uid, name.newest, api_version};
  ++census.objects_total;
  ++census.by_resource[resource];
  if (name.sealed) ++census.sealed;
  if (object.resource == "namespaces") {
    ++census.namespaces;
    if (object.name == "kube-system") result_.kube_system_uid = object.uid;
  }
  if (object.namespace_name.empty()) {
    ++census.cluster_scoped;
  } else {
    ++census.by_namespace[std::string(object.namespace_name)];
  }
  result_.objects.push_back(object);
}

void Decoder::choose_k3s_version(const Names& names) {
  const std::pair<const std::string, NodeVersion>* chosen = nullptr;
  for (const auto& node : nodes_) {
    const Name* name = names.find(node.first);
    if (name == nullptr || !name->live || name->problem != 0) continue;
    const bool better =
        chosen == nullptr || std::pair(!node.second.control_plane, std::string_view(node.first)) <
                                 std::pair(!chosen->second.control_plane, std::string_view(chosen->first));
    if (better) chosen = &node;
  }
  if (chosen != nullptr) result_.k3s_version = chosen->second.version;
}

void Decoder::finish(Names& names) {
  choose_k3s_version(names);
  std::vector<Name*> live;
  for (Name& name : names.all()) {
    if (!name.live) continue;
    ++result_.rows.live;
    if (name.kind != KeyKind::other) live.push_back(&name);
  }
  std::sort(live.begin(), live.end(), [](const Name* a, const Name* b) { return a->text < b->text; });
  result_.objects.reserve(live.size());
  for (Name* name : live) count(*name);
}

}  // namespace verifier
