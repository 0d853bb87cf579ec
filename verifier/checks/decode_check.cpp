#include "verifier/checks/decode_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/version.hpp"
#include "verifier/kine/foreign_text.hpp"

namespace verifier {
namespace {

constexpr std::uint64_t kUnknownKept = 1'000;
constexpr std::string_view kTlsType = "kubernetes.io/tls";

std::string_view compare_with_key(const StoredObject& object, const KeyIdentity& identity) {
  if (object.api_version.empty() || object.kind.empty()) return "does not say what kind of object it is";
  if (object.uid.empty()) return "carries no metadata.uid";
  if (object.name != identity.name) return "carries another name than its key";
  if (object.namespace_name != identity.namespace_name) return "carries another namespace than its key";
  return {};
}

}  // namespace

// What is wrong with `value`; empty when it is sound.
std::string Decoder::read(std::string_view value, const Row& row, const ParsedKey& key, StoredObject& object) {
  if (key.kind == KeyKind::malformed || !is_plain_text(row.name))
    return "the key has a form that Kubernetes does not use";
  try {
    object = decode_object(value);
  } catch (const core::Error& error) {
    return std::string("the stored value ") + error.what();
  }
  if (key.kind == KeyKind::internal) return {};
  const std::string_view mismatch = compare_with_key(object, key.identity);
  return mismatch.empty() ? std::string() : "the stored value " + std::string(mismatch);
}

void Decoder::see(const Row& row, Name& name) {
  const ParsedKey key = parse_key(row.name);
  name.kind = key.kind;
  name.sealed = false;
  name.tls = false;
  name.problem = 0;
  if (key.kind == KeyKind::other || (row.is_tombstone() && row.value.empty())) return;
  if (is_sealed(row.value)) return see_sealed(row, key, name);
  see_value(row.value, row, key, name, {checks_.decode, decode_rows_});
}

// What a tombstone carries was the object's once; old kine keeps it.
void Decoder::find(const Row& row, const Name& name, std::string message, Sink sink) {
  if (row.is_live()) return sink.rows.add(name, row.id, std::move(message));
  sink.check.add({core::Severity::warning, message + "; the object was deleted, so that nobody is served it",
                  printable(row.name), row.id});
}

void Decoder::see_value(std::string_view value, const Row& row, const ParsedKey& key, Name& name, Sink sink) {
  StoredObject object;
  const std::string problem = read(value, row, key, object);
  if (!problem.empty()) {
    name.problem = known_.texts.number_of(problem);
    return find(row, name, problem, sink);
  }
  if (!object.doubt.empty())
    sink.check.add({core::Severity::warning,
                    "the stored value " + object.doubt +
                        ", as Kubernetes does not write it: something changed it, and the API server serves it so",
                    printable(row.name), row.id});
  if ((object.unknown_kind || object.unknown_fields > 0) && ++unknown_values_ <= kUnknownKept)
    unknown_.push_back({printable(row.name), row.id, object.unknown_kind});
  if (object.newest_change) keep_newest(result_.newest_change, *object.newest_change);
  if (!object.kubelet_version.empty())
    nodes_.insert_or_assign(std::string(row.name), NodeVersion{object.kubelet_version, object.control_plane});
  name.api_version = known_.texts.number_of(object.api_version);
  name.terminating = object.terminating;
  name.tls = key.identity.plural == "secrets" && value.find(kTlsType) != std::string_view::npos;
  name.owner = object.owners.empty() ? 0 : digest_of(object.owners.front().uid);
  if (name.uid != object.uid) name.uid = known_.text.keep(object.uid);
}

void Decoder::see_sealed(const Row& row, const ParsedKey& key, Name& name) {
  name.sealed = true;
  ++sealed_values_;
  const Opened opened = bootstrap_ != nullptr ? bootstrap_->keys.open(row.value, row.name) : Opened{};
  if (opened.outcome == Opened::Outcome::opened)
    return see_value(opened.plaintext.view(), row, key, name, {checks_.secrets, secret_rows_});
  name.uid = {};
  name.api_version = 0;
  if (bootstrap_ == nullptr || !bootstrap_->encryption_problem.empty()) return;
  const auto error = [&](const char* message) { find(row, name, message, {checks_.secrets, secret_rows_}); };
  switch (opened.outcome) {
    case Opened::Outcome::opened:
      return;
    case Opened::Outcome::kms:
      ++kms_values_;
      return;
    case Opened::Outcome::no_such_key:
      return error("the value is sealed with a key that the bootstrap row does not hold: nobody can read it");
    case Opened::Outcome::does_not_open:
      return error("the key that the value names does not open it: the value is damaged");
    case Opened::Outcome::unknown_provider:
      return error("the value is sealed in a way that Kubernetes does not know");
  }
}

void Decoder::finish_secrets(const Subject& subject) {
  secret_rows_.settle();
  if (sealed_values_ == 0) return checks_.secrets.note("no value is sealed by encryption at rest");
  if (bootstrap_ == nullptr) {
    const std::string what = fmt::format("{} values are sealed by encryption at rest", sealed_values_);
    return subject.token ? checks_.secrets.stop(what + ", and the row with the keys was not opened")
                         : checks_.secrets.skip("skipped: " + what + ", and no token was given to open them");
  }
  if (!bootstrap_->encryption_problem.empty()) return checks_.secrets.error(bootstrap_->encryption_problem);
  if (kms_values_ > 0)
    checks_.secrets.warning(
        fmt::format("{} values are sealed by a key management service: only with that can they be read, and "
                    "nothing here proves that they can",
                    kms_values_));
  checks_.secrets.note(fmt::format("{} values are sealed by encryption at rest", sealed_values_));
}

void Decoder::see_old_value(const Row& row, History& history) {
  const ParsedKey key = parse_key(row.name);
  if (!row.has_old_value || row.old_value.empty() || key.kind == KeyKind::other || is_sealed(row.old_value)) return;
  StoredObject object;
  const std::string problem = read(row.old_value, row, key, object);
  if (problem.empty()) return;
  if (are_alike(object.name, key.identity.name)) history.mark_mistaken(row.name);
  checks_.value_chain.add({core::Severity::warning,
                           "of the value that was replaced, which k3s does not serve: " + problem, printable(row.name),
                           row.id});
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
  const std::string_view api_version = known_.texts[name.api_version];
  const std::string resource = resource_name(identity, api_version);
  name.resource = known_.texts.number_of(resource);
  ++census.objects_total;
  ++census.by_resource[resource];
  if (name.sealed) ++census.sealed;
  if (resource == "namespaces") {
    ++census.namespaces;
    if (identity.name == "kube-system") result_.kube_system_uid = name.uid;
  }
  if (identity.namespace_name.empty()) {
    ++census.cluster_scoped;
  } else {
    ++census.by_namespace[std::string(identity.namespace_name)];
  }
  result_.objects.push_back(name);
}

void Decoder::choose_k3s_version() {
  const std::pair<const std::string, NodeVersion>* chosen = nullptr;
  for (const auto& node : nodes_) {
    const Name* name = known_.names.find(node.first);
    if (name == nullptr || !name->live || name->problem != 0) continue;
    const bool better =
        chosen == nullptr || std::pair(!node.second.control_plane, std::string_view(node.first)) <
                                 std::pair(!chosen->second.control_plane, std::string_view(chosen->first));
    if (better) chosen = &node;
  }
  if (chosen != nullptr) result_.k3s_version = chosen->second.version;
}

void Decoder::report_unknown() {
  const std::optional<unsigned> minor = core::kubernetes_minor(result_.k3s_version);
  if (!minor || *minor > kNewestKnownMinor) {
    if (unknown_values_ > 0)
      checks_.decode.note(
          fmt::format("{} values hold fields or are of kinds that Kubernetes up to 1.{} does not have: a newer one "
                      "wrote them, and they are walked without knowing",
                      unknown_values_, kNewestKnownMinor));
    return;
  }
  for (const Unknown& one : unknown_)
    checks_.decode.add({core::Severity::warning,
                        one.kind ? "the stored value is of a kind that Kubernetes does not have: no API serves it"
                                 : "the stored value holds a field that Kubernetes does not have: the API server skips "
                                   "it, and with it what may have been another field",
                        one.key, one.revision});
}

void Decoder::finish() {
  decode_rows_.settle();
  choose_k3s_version();
  report_unknown();
  std::vector<Name*> live;
  for (Name& name : known_.names.all()) {
    if (!name.live) continue;
    ++result_.rows.live;
    if (name.kind != KeyKind::other) live.push_back(&name);
  }
  std::sort(live.begin(), live.end(), [](const Name* a, const Name* b) { return a->text < b->text; });
  result_.objects.reserve(live.size());
  for (Name* name : live) count(*name);
}

}  // namespace verifier
