#include "tests/verifier/complete.hpp"

#include <map>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace kine {
namespace {

using protozero::pbf_writer;
using verifier::FieldType;

const verifier::Field* find_field(const verifier::Message& message, std::uint32_t number) {
  for (const verifier::Field& field : message.fields)
    if (field.number == number) return &field;
  return nullptr;
}

std::string empty_field(const verifier::Field& field) {
  std::string encoded;
  pbf_writer writer(encoded);
  switch (field.type) {
    case FieldType::message:
      writer.add_message(field.number, complete({}, *field.message));
      break;
    case FieldType::string:
    case FieldType::bytes:
    case FieldType::any:
      writer.add_string(field.number, "");
      break;
    case FieldType::fixed64:
      writer.add_double(field.number, 0);
      break;
    case FieldType::fixed32:
      writer.add_float(field.number, 0);
      break;
    default:
      writer.add_int64(field.number, 0);
      break;
  }
  return encoded;
}

}  // namespace

std::string complete(std::string_view fields, const verifier::Message& message) {
  if (message.timestamp && fields.empty()) return {};
  std::map<std::uint32_t, std::string> written;
  protozero::pbf_reader reader(fields.data(), fields.size());
  while (reader.next()) {
    const verifier::Field* field = find_field(message, reader.tag());
    std::string& encoded = written[reader.tag()];
    pbf_writer writer(encoded);
    if (reader.wire_type() == protozero::pbf_wire_type::varint) {
      writer.add_int64(reader.tag(), reader.get_int64());
      continue;
    }
    const auto tag = reader.tag();
    const auto view = reader.get_view();
    std::string content(view.data(), view.size());
    if (field != nullptr && field->message != nullptr && !field->map) content = complete(content, *field->message);
    writer.add_bytes(tag, content);
  }
  for (const verifier::Field& field : message.fields) {
    if ((field.always || message.timestamp) && !written.contains(field.number))
      written[field.number] = empty_field(field);
  }
  std::string all;
  for (const auto& [number, encoded] : written) all += encoded;
  return all;
}

}  // namespace kine
