#include "verifier/objects/object.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "core/error.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/objects/content.hpp"
#include "verifier/objects/fields_v1.hpp"
#include "verifier/objects/schema.hpp"
#include "verifier/objects/tree.hpp"

namespace verifier {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSealedPrefix = "k8s:enc:";

// Picks the few fields of a StoredObject out of a tree, by their paths, and looks at what in metadata has one form
// only. An array level has an empty key.
class ObjectVisitor : public TreeVisitor {
 public:
  enum class Encoding { json, cbor };
  explicit ObjectVisitor(Encoding encoding) : encoding_(encoding) {}

  void begin() override {
    if (++depth_ < kLevels) path_[depth_].clear();
    if (depth_ >= last_keys_.size()) last_keys_.resize(depth_ + 1);
    last_keys_[depth_].clear();
    if (depth_ == 4 && at("metadata", "ownerReferences")) object_.owners.emplace_back();
  }
  void end() override { --depth_; }
  void key(std::string_view key) override {
    demand_order(key);
    if (depth_ >= kLevels) return;
    path_[depth_] = key;
    if (depth_ == 3 && at("metadata", "labels") && key == kControlPlaneLabel) control_plane_ = true;
    if (depth_ == 2 && path_[1] == "metadata") see_metadata(key);
    if (inside_fields() && !is_path_element(key)) doubt("metadata.managedFields", "is no set of fields");
  }
  void other() override {
    if (inside_fields()) doubt("metadata.managedFields", "is no set of fields");
  }
  void text(std::string_view text) override {
    if (depth_ == 1) return take_root(text);
    if (depth_ == 2 && path_[1] == "metadata") return take_metadata(text);
    if (depth_ == 2 && path_[1] == "spec" && (path_[2] == "renewTime" || path_[2] == "acquireTime"))
      return take_time(lease_time_, text);
    if (depth_ == 2 && at("series", "lastObservedTime")) return take_time(event_time_, text);
    if (depth_ == 3 && at("status", "nodeInfo") && path_[3] == "kubeletVersion") object_.kubelet_version = text;
    if (depth_ == 3 && at("metadata", "labels")) doubt("metadata.labels", problem_of_label(path_[3], text));
    if (depth_ == 3 && at("metadata", "annotations"))
      doubt("metadata.annotations", problem_of_annotation(path_[3], text));
    if (depth_ == 3 && at("metadata", "finalizers")) object_.has_finalizers = true;
    if (depth_ == 4 && at("metadata", "ownerReferences")) take_owner(text);
    if (depth_ == 4 && at("metadata", "managedFields")) take_managed(text);
    if (inside_fields()) doubt("metadata.managedFields", "is no set of fields");
  }

  StoredObject finish() {
    const bool core = object_.api_version == "v1";
    if (object_.kind == "Lease" && object_.api_version.starts_with("coordination.k8s.io/")) merge(lease_time_);
    if (object_.kind == "Event" && (core || object_.api_version.starts_with("events.k8s.io/"))) merge(event_time_);
    const bool node = object_.kind == "Node" && core;
    object_.control_plane = node && control_plane_;
    if (!node) object_.kubelet_version.clear();
    if (object_.kind == "Event") return std::move(object_);
    if (!problem_.empty()) throw core::Error(core::ErrorKind::damaged, problem_);
    object_.doubt = std::move(doubt_);
    return std::move(object_);
  }

 private:
  static constexpr std::size_t kLevels = 6;

  bool at(std::string_view first, std::string_view second) const { return path_[1] == first && path_[2] == second; }

  // Go writes a custom resource from a map, in the order of its keys, which begin with apiVersion; objects of types
  // that it knows have the order of their fields, and begin with kind.
  void demand_order(std::string_view key) {
    std::string& last = last_keys_[depth_];
    if (!std::exchange(seen_key_, true)) sorted_ = encoding_ == Encoding::json && key == "apiVersion";
    if (!sorted_) return;
    if (!last.empty() && key <= last) doubt("keys", "are not sorted");
    last = key;
  }

  // Inside the tree of managedFields[].fieldsV1, of which only the upper levels are remembered.
  bool inside_fields() const { return depth_ >= 5 && at("metadata", "managedFields") && path_[4] == "fieldsV1"; }

  // Each keeps the first: whether it counts can depend on the kind, which may come later.
  void doubt(std::string_view where, const char* what) { keep(doubt_, where, what); }
  void blame(std::string_view where, const char* what) { keep(problem_, where, what); }
  static void keep(std::string& first, std::string_view where, const char* what) {
    if (what != nullptr && first.empty()) first = "is an object whose " + std::string(where) + " " + what;
  }

  void see_metadata(std::string_view key) {
    if (key == "ownerReferences") object_.owners.clear();
    if (key == "deletionTimestamp") object_.terminating = true;
    for (const Field& field : object_meta().fields)
      if (is_one_bit_apart(key, field.name)) doubt("metadata", "has a key of Kubernetes with a wrong letter");
  }

  void take_owner(std::string_view text) {
    if (object_.owners.empty()) return;
    Owner& owner = object_.owners.back();
    if (path_[4] == "kind") owner.kind = text;
    if (path_[4] == "name") owner.name = text;
    if (path_[4] == "uid") owner.uid = text;
    if (path_[4] == "uid" && is_almost_uuid(text, Giver::anybody))
      doubt("metadata.ownerReferences.uid", "is no UID any more");
  }

  void take_managed(std::string_view text) {
    if (path_[4] == "time") take_time(text);
    if (path_[4] == "operation" && text != "Apply" && text != "Update")
      doubt("metadata.managedFields.operation", "is no operation");
    if (path_[4] == "fieldsType" && text != "FieldsV1")
      doubt("metadata.managedFields.fieldsType", "is no type of fields");
  }

  void take_time(std::string_view text) {
    // Years far away do not fit into a count of nanoseconds; a leap year stands in for all.
    const bool year = text.find_first_not_of("0123456789") == 4;
    if (!year || !core::parse_rfc3339("2000" + std::string(text.substr(4))))
      blame("metadata", "holds a time that is none");
    take_time(object_.newest_change, text);
  }

  void take_root(std::string_view text) {
    const std::string& key = path_[1];
    if (key == "apiVersion") object_.api_version = text;
    if (key == "kind") object_.kind = text;
    if (key == "firstTimestamp" || key == "lastTimestamp" || key == "eventTime" || key == "deprecatedFirstTimestamp" ||
        key == "deprecatedLastTimestamp")
      take_time(event_time_, text);
  }

  void take_metadata(std::string_view text) {
    const std::string& key = path_[2];
    if (key == "name") object_.name = text;
    if (key == "namespace") object_.namespace_name = text;
    if (key == "uid") object_.uid = text;
    if (key == "uid" && is_almost_uuid(text, Giver::api_server)) doubt("metadata.uid", "is no UID any more");
    if (key == "creationTimestamp" || key == "deletionTimestamp") take_time(text);
  }

  static void take_time(std::optional<core::UtcTime>& newest, std::string_view text) {
    if (text < "2014"sv || text >= "2200"sv) return;  // what lies outside does not fit into a count of nanoseconds
    if (const auto timestamp = core::parse_rfc3339(text)) keep_newest(newest, *timestamp);
  }

  void merge(const std::optional<core::UtcTime>& timestamp) {
    if (timestamp) keep_newest(object_.newest_change, *timestamp);
  }

  StoredObject object_;
  std::optional<core::UtcTime> lease_time_;
  std::optional<core::UtcTime> event_time_;
  bool control_plane_ = false;
  std::string problem_;  // Kubernetes does not decode it either
  std::string doubt_;
  Encoding encoding_;
  bool seen_key_ = false;
  bool sorted_ = false;
  std::vector<std::string> last_keys_;  // by depth
  std::size_t depth_ = 0;
  std::array<std::string, kLevels> path_;
};

void demand_plain_text(const StoredObject& object) {
  for (const std::string* field : {&object.api_version, &object.kind, &object.uid, &object.kubelet_version})
    if (!is_plain_text(*field)) throw core::Error(core::ErrorKind::damaged, "names itself with bytes that are no text");
}

}  // namespace

bool is_sealed(std::string_view value) { return value.starts_with(kSealedPrefix); }

StoredObject decode_object(std::string_view value) {
  StoredObject object;
  if (value.starts_with(kProtobufPrefix)) {
    object = decode_protobuf(value.substr(kProtobufPrefix.size()));
  } else {
    const bool json = value.starts_with('{');
    ObjectVisitor visitor(json ? ObjectVisitor::Encoding::json : ObjectVisitor::Encoding::cbor);
    if (json) {
      walk_json(value, visitor);
    } else if (value.starts_with(kCborPrefix)) {
      walk_cbor(value.substr(kCborPrefix.size()), visitor);
    } else {
      throw core::Error(core::ErrorKind::damaged,
                        value.empty() ? "is empty" : "is neither protobuf, JSON, CBOR nor encrypted");
    }
    object = visitor.finish();
  }
  demand_plain_text(object);
  return object;
}

void keep_newest(std::optional<core::UtcTime>& newest, core::UtcTime timestamp) {
  using namespace std::chrono;
  static const core::UtcTime earliest = sys_days(year(2014) / June / 1);
  static const core::UtcTime latest = core::utc_now() + hours(24);
  if (timestamp < earliest || timestamp > latest) return;
  if (!newest || *newest < timestamp) newest = timestamp;
}

}  // namespace verifier
