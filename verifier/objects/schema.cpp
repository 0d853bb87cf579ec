#include "verifier/objects/schema.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <vector>

#include "verifier/objects/vocabulary.hpp"

extern "C" {
extern const char kubernetes_schema[];
extern const char kubernetes_schema_end[];
}

namespace verifier {
namespace {

Content content_of(const Message& message, const Field& field) {
  const std::string_view name = field.name;
  if (message.name == "resource.Quantity") return Content::quantity;
  if (message.name == "intstr.IntOrString" && name == "type") return Content::int_or_string;
  if (message.name == "runtime.RawExtension") return Content::perhaps_json;
  if (message.kind == "JSON") return Content::json;
  if (message.name == "meta/v1.FieldsV1") return Content::managed_fields;
  if (message.name == "meta/v1.ManagedFieldsEntry" && name == "operation") return Content::operation;
  if (message.name == "meta/v1.ManagedFieldsEntry" && name == "fieldsType") return Content::fields_type;
  if (message.name == "meta/v1.ObjectMeta" && name == "labels") return Content::labels;
  if (message.name == "meta/v1.ObjectMeta" && name == "annotations") return Content::annotations;
  if (name == "data" && (message.name == "core/v1.Secret" || message.name == "core/v1.ConfigMap"))
    return Content::payload;
  if (message.timestamp && name == "seconds") return Content::time_seconds;
  if (message.timestamp && name == "nanos")
    return message.kind == "Time" ? Content::time_zero : Content::time_nanoseconds;
  // Of other ports the API server does not look at the number.
  if (message.name == "core/v1.ContainerPort" || message.name == "core/v1.ServicePort")
    if (field.type == FieldType::int32) return Content::port;
  if (field.type != FieldType::string) return Content::none;
  if (name == "message" || name == "note") return Content::free_text;
  if (name == "uid") return message.name == "meta/v1.ObjectMeta" ? Content::own_uid : Content::uid;
  return Content::none;
}

FieldType type_of(char letter) {
  switch (letter) {
    case 's':
      return FieldType::string;
    case 'y':
      return FieldType::bytes;
    case 'b':
      return FieldType::boolean;
    case 'i':
      return FieldType::int32;
    case 'l':
      return FieldType::int64;
    case 'u':
      return FieldType::uint;
    case 'd':
      return FieldType::fixed64;
    case 'f':
      return FieldType::fixed32;
    case '.':
      return FieldType::message;
    default:
      return FieldType::any;
  }
}

// Cuts off and returns what stands before the first `mark`, which goes as well.
std::string_view take_until(std::string_view& text, char mark) {
  const std::size_t end = std::min(text.find(mark), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

class Schema {
 public:
  Schema();

  const Message* find(std::string_view api_version, std::string_view kind) const {
    const auto kinds = by_kind_.find(kind);
    if (kinds == by_kind_.end()) return nullptr;
    for (const auto& [version, message] : kinds->second)
      if (version == api_version) return message;
    return nullptr;
  }
  const Message* named(std::string_view name) const { return by_name_.at(name); }

 private:
  void read_field(std::string_view text, const Message& message);

  std::vector<Message> messages_;
  std::vector<Field> fields_;
  std::unordered_map<std::string_view, const Message*> by_name_;
  std::unordered_map<std::string_view, std::vector<std::pair<std::string_view, const Message*>>> by_kind_;
};

void Schema::read_field(std::string_view text, const Message& message) {
  Field field;
  field.name = take_until(text, '=');
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), field.number);
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  for (; text.front() == '!' || text.front() == '*' || text.front() == '%'; text.remove_prefix(1)) {
    if (text.front() == '!') field.always = true;
    if (text.front() == '*') field.repeated = true;
    if (text.front() == '%') field.map = true;
  }
  field.type = type_of(text.front());
  if (field.type == FieldType::message) {
    field.message = named(text.substr(1));
    // A struct that is embedded is named as its type: VolumeSource in Volume.
    const std::string_view kind = field.message->kind;
    field.inlined =
        !field.repeated && !field.map &&
        (field.name == "handler" || (kind.size() == field.name.size() && kind.substr(1) == field.name.substr(1)));
  }
  field.content = content_of(message, field);
  field.words = words_of(message, field);
  for (const std::string_view word : field.words) field.word_sizes |= std::uint64_t{1} << (word.size() % 64);
  if (field.content == Content::none && !field.words.empty() && !field.map) field.content = Content::word;
  fields_.push_back(field);
}

// Twice over the text: fields refer to messages that come later.
Schema::Schema() {
  const std::string_view all(kubernetes_schema, static_cast<std::size_t>(kubernetes_schema_end - kubernetes_schema));
  messages_.reserve(2'000);
  fields_.reserve(10'000);
  by_name_.reserve(2'000);
  const auto each_line = [&](auto&& take) {
    for (std::string_view rest = all; !rest.empty();) {
      const std::string_view line = take_until(rest, '\n');
      if (!line.starts_with('#')) take(line);
    }
  };
  each_line([&](std::string_view line) {
    Message message;
    message.name = take_until(line, ' ');
    message.kind = message.name.substr(message.name.rfind('.') + 1);
    message.timestamp = message.name == "meta/v1.Time" || message.name == "meta/v1.MicroTime";
    messages_.push_back(message);
  });
  for (const Message& message : messages_) by_name_.emplace(message.name, &message);
  std::size_t at = 0;
  std::vector<std::size_t> first;
  each_line([&](std::string_view line) {
    Message& message = messages_[at++];
    take_until(line, ' ');
    const std::string_view api_version = take_until(line, ' ');
    if (api_version != "-") by_kind_[message.kind].emplace_back(api_version, &message);
    first.push_back(fields_.size());
    while (!line.empty()) read_field(take_until(line, ' '), message);
  });
  first.push_back(fields_.size());
  for (at = 0; at < messages_.size(); ++at)
    messages_[at].fields = std::span(fields_).subspan(first[at], first[at + 1] - first[at]);
}

const Schema& schema() {
  static const Schema read;
  return read;
}

}  // namespace

const Message* find_kind(std::string_view api_version, std::string_view kind) {
  return schema().find(api_version, kind);
}

const Message& object_meta() {
  static const Message& message = *schema().named("meta/v1.ObjectMeta");
  return message;
}

}  // namespace verifier
