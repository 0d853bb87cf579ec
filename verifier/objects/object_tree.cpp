#include "verifier/objects/object_tree.hpp"

#include <protozero/pbf_reader.hpp>
#include <span>

#include "core/error.hpp"
#include "verifier/objects/object.hpp"

namespace verifier {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

enum class FieldForm { text, boolean, message, messages, map };

struct Field {
  protozero::pbf_tag_type tag;
  std::string_view name;  // as in JSON
  FieldForm form;
  std::span<const Field> fields{};  // of a message
};

// Numbers of k8s.io/api, apiextensions-apiserver and kube-aggregator v0.37.2, generated.proto; the same since v1 of
// each.
constexpr Field kObjectMeta[] = {{12, "annotations", FieldForm::map}};
constexpr Field kMetadata{1, "metadata", FieldForm::message, kObjectMeta};
constexpr Field kAnyObject[] = {kMetadata};
constexpr Field kService[] = {{1, "namespace", FieldForm::text}, {2, "name", FieldForm::text}};
constexpr Field kClientConfig[] = {{1, "service", FieldForm::message, kService}, {3, "url", FieldForm::text}};
constexpr Field kWebhook[] = {{1, "name", FieldForm::text},
                              {2, "clientConfig", FieldForm::message, kClientConfig},
                              {4, "failurePolicy", FieldForm::text}};
constexpr Field kWebhookConfiguration[] = {kMetadata, {2, "webhooks", FieldForm::messages, kWebhook}};
constexpr Field kApiServiceSpec[] = {{1, "service", FieldForm::message, kService}};
constexpr Field kApiService[] = {kMetadata, {2, "spec", FieldForm::message, kApiServiceSpec}};
constexpr Field kDefinitionVersion[] = {{1, "name", FieldForm::text}, {2, "served", FieldForm::boolean}};
constexpr Field kDefinitionSpec[] = {{7, "versions", FieldForm::messages, kDefinitionVersion}};
constexpr Field kDefinition[] = {kMetadata, {2, "spec", FieldForm::message, kDefinitionSpec}};
constexpr Field kPathOnly[] = {{1, "path", FieldForm::text}};
constexpr Field kNfs[] = {{1, "server", FieldForm::text}, {2, "path", FieldForm::text}};
constexpr Field kCsi[] = {{1, "driver", FieldForm::text}};
constexpr Field kVolumeSource[] = {{3, "hostPath", FieldForm::message, kPathOnly},
                                   {5, "nfs", FieldForm::message, kNfs},
                                   {20, "local", FieldForm::message, kPathOnly},
                                   {22, "csi", FieldForm::message, kCsi}};
constexpr Field kReference[] = {{2, "namespace", FieldForm::text}, {3, "name", FieldForm::text}};
// JSON has no level of its own for the source.
constexpr Field kVolumeSpec[] = {{2, "source", FieldForm::message, kVolumeSource},
                                 {4, "claimRef", FieldForm::message, kReference}};
constexpr Field kVolume[] = {kMetadata, {2, "spec", FieldForm::message, kVolumeSpec}};
constexpr Field kContainer[] = {{2, "image", FieldForm::text}};
constexpr Field kPodSpec[] = {{2, "containers", FieldForm::messages, kContainer},
                              {20, "initContainers", FieldForm::messages, kContainer}};
constexpr Field kPod[] = {kMetadata, {2, "spec", FieldForm::message, kPodSpec}};
constexpr Field kSecret[] = {kMetadata, {2, "data", FieldForm::map}, {3, "type", FieldForm::text}};

std::span<const Field> fields_of(std::string_view kind) {
  if (kind == "ValidatingWebhookConfiguration" || kind == "MutatingWebhookConfiguration") return kWebhookConfiguration;
  if (kind == "APIService") return kApiService;
  if (kind == "CustomResourceDefinition") return kDefinition;
  if (kind == "Secret") return kSecret;
  if (kind == "PersistentVolume") return kVolume;
  if (kind == "Pod") return kPod;
  return kAnyObject;
}

std::string_view take_text(pbf_reader& reader) {
  const protozero::data_view bytes = reader.get_view();
  return {bytes.data(), bytes.size()};
}

void walk_map_entry(pbf_reader entry, TreeVisitor& visitor) {
  std::string_view key;
  std::string_view value;
  while (entry.next()) {
    if (entry.wire_type() != pbf_wire_type::length_delimited) {
      entry.skip();
      continue;
    }
    const bool is_key = entry.tag() == 1;
    (is_key ? key : value) = take_text(entry);
  }
  visitor.key(key);
  visitor.text(value);
}

void walk_message(pbf_reader reader, std::span<const Field> fields, TreeVisitor& visitor);

void walk_field(pbf_reader& reader, const Field& field, TreeVisitor& visitor) {
  visitor.key(field.name);
  switch (field.form) {
    case FieldForm::text:
      return visitor.text(take_text(reader));
    case FieldForm::boolean:
      return visitor.boolean(reader.get_bool());
    case FieldForm::message:
      return walk_message(reader.get_message(), field.fields, visitor);
    case FieldForm::messages:  // one element of an array
      visitor.begin();
      walk_message(reader.get_message(), field.fields, visitor);
      return visitor.end();
    case FieldForm::map:
      visitor.begin();
      walk_map_entry(reader.get_message(), visitor);
      return visitor.end();
  }
}

void walk_message(pbf_reader reader, std::span<const Field> fields, TreeVisitor& visitor) {
  visitor.begin();
  while (reader.next()) {
    const Field* known = nullptr;
    for (const Field& field : fields)
      if (field.tag == reader.tag()) known = &field;
    if (known == nullptr) {
      reader.skip();
    } else {
      walk_field(reader, *known, visitor);
    }
  }
  visitor.end();
}

void walk_envelope(pbf_reader envelope, TreeVisitor& visitor) {
  std::string_view kind;
  while (envelope.next()) {
    if (envelope.tag() == 1) {
      pbf_reader type = envelope.get_message();
      while (type.next(2)) kind = take_text(type);
    } else if (envelope.tag() == 2) {
      walk_message(envelope.get_message(), fields_of(kind), visitor);
    } else {
      envelope.skip();
    }
  }
}

}  // namespace

void walk_object(std::string_view value, TreeVisitor& visitor) {
  if (value.starts_with(kCborPrefix)) return walk_cbor(value.substr(kCborPrefix.size()), visitor);
  if (!value.starts_with(kProtobufPrefix)) return walk_json(value, visitor);
  try {
    walk_envelope(pbf_reader(value.data() + kProtobufPrefix.size(), value.size() - kProtobufPrefix.size()), visitor);
  } catch (const protozero::exception&) {
    throw core::Error(core::ErrorKind::damaged, "is protobuf that cannot be read");
  }
}

}  // namespace verifier
