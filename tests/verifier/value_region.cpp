#include "tests/verifier/value_region.hpp"

#include <map>
#include <optional>

namespace pages {
namespace {

struct Field {
  unsigned number;
  std::uint64_t start;  // of its content
  std::uint64_t end;
  bool in_head;  // the byte is in its tag or length
};

std::optional<std::uint64_t> varint(std::string_view bytes, std::uint64_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

// The field of the message bytes[start, end) that byte `expected` lies in.
std::optional<Field> field_at(std::string_view bytes, std::uint64_t start, std::uint64_t end, std::uint64_t expected) {
  for (std::uint64_t at = start; at < end;) {
    const auto tag = varint(bytes, at);
    if (!tag) return std::nullopt;
    std::uint64_t size = 0;
    std::uint64_t content = at;
    switch (*tag & 7) {
      case 0:
        if (!varint(bytes, content)) return std::nullopt;
        size = content - at;
        content = at;
        break;
      case 1:
        size = 8;
        break;
      case 5:
        size = 4;
        break;
      case 2: {
        const auto length = varint(bytes, content);
        if (!length) return std::nullopt;
        size = *length;
        break;
      }
      default:
        return std::nullopt;
    }
    at = content + size;
    if (expected < at) return Field{static_cast<unsigned>(*tag >> 3), content, at, expected < content};
  }
  return std::nullopt;
}

std::string name_metadata(unsigned field) {
  static const std::map<unsigned, std::string> names{
      {1, "name"},          {2, "generateName"},    {3, "namespace"},        {4, "selfLink"},
      {5, "uid"},           {6, "resourceVersion"}, {7, "generation"},       {8, "creationTimestamp"},
      {11, "labels"},       {12, "annotations"},    {13, "ownerReferences"}, {14, "finalizers"},
      {17, "managedFields"}};
  const auto found = names.find(field);
  return "metadata." + (found == names.end() ? "other" : found->second);
}

std::string name_field(std::string_view key, unsigned field) {
  if (key.starts_with("/registry/configmaps/")) return "ConfigMap data";
  if (key.starts_with("/registry/secrets/")) return field == 2 ? "Secret data" : "Secret type";
  if (key.starts_with("/registry/events/")) {
    if (field == 4) return "an event's message";
    return field == 6 || field == 7 || field == 10 ? "an event's timestamps" : "an event's other fields";
  }
  return field == 2 ? "spec" : field == 3 ? "status" : "another field";
}

}  // namespace

std::string name_value_region(std::string_view key, std::string_view value, std::uint64_t at) {
  if (value.starts_with("{")) return "a JSON document";
  if (key.starts_with("/bootstrap/")) return "the bootstrap row";
  if (value.starts_with("k8s:enc:")) return "a sealed secret";
  if (!value.starts_with(std::string_view("k8s\0", 4))) return "no object";
  if (at < 4) return "envelope";
  const auto raw = field_at(value, 4, value.size(), at);
  if (!raw || raw->number != 2 || raw->in_head) return "envelope";
  const auto field = field_at(value, raw->start, raw->end, at);
  if (!field) return "envelope";
  if (field->number != 1) return name_field(key, field->number) + (field->in_head ? " (tag or length)" : "");
  const auto metadata = field_at(value, field->start, field->end, at);
  if (!metadata || field->in_head) return "metadata (tag or length)";
  return name_metadata(metadata->number) + (metadata->in_head ? " (tag or length)" : "");
}

}  // namespace pages
