// Every message that Kubernetes stores, of all versions from 1.13 to 1.37 at once: verifier/objects/kubernetes.schema,
// embedded. message.cpp walks stored values along it. It knows what fits, not what a value means.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace verifier {

enum class FieldType : std::uint8_t { any, string, bytes, boolean, int32, int64, uint, fixed64, fixed32, message };

// What more than its type is known of a field's value; content.cpp checks it.
enum class Content : std::uint8_t {
  none,
  free_text,  // comes from containers and other strangers: need not even be UTF-8
  port,
  uid,
  own_uid,
  quantity,
  int_or_string,
  json,
  perhaps_json,
  managed_fields,
  operation,
  fields_type,
  labels,
  annotations,
  payload,
  time_seconds,
  time_zero,
  time_nanoseconds,
  word,
};

struct Message;

struct Field {
  std::string_view name;
  std::uint32_t number = 0;
  FieldType type = FieldType::any;
  Content content = Content::none;
  bool always = false;  // written even when empty
  bool repeated = false;
  bool map = false;      // from strings to `type`
  bool inlined = false;  // Go's JSON has the message's fields in its place
  const Message* message = nullptr;
  std::uint64_t word_sizes = 0;             // a bit for the size of each of these:
  std::span<const std::string_view> words;  // that are often its value, or a map's keys
};

struct Message {
  std::string_view name;          // as in apps/v1.Deployment
  std::string_view kind;          // the part behind the dot
  std::span<const Field> fields;  // ascending
  bool timestamp = false;         // Time and MicroTime: without a field, or with all
};

/// The message of a kind of object; null for a kind that no known version stores.
const Message* find_kind(std::string_view api_version, std::string_view kind);

/// The message of ObjectMeta, which objects of unknown kinds have as well.
const Message& object_meta();

}  // namespace verifier
