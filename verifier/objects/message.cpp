#include "verifier/objects/message.hpp"

#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "verifier/kine/digest.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/objects/content.hpp"
#include "verifier/objects/fields_v1.hpp"
#include "verifier/objects/json_scanner.hpp"

namespace verifier {
namespace {

constexpr std::size_t kDeepestWalk = 200;  // what lies deeper is taken as it is
constexpr std::int64_t kYearOne = -62'135'596'800;
constexpr std::int64_t kYear10000 = 253'402'300'800;

enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, delimited = 2, fixed32 = 5 };

// Sets of fields that were found sound lately: objects made alike by one manager have the same.
class SoundFields {
 public:
  bool holds(std::string_view text, const Message* owned) {
    const std::uint64_t digest = digest_of(text) ^ reinterpret_cast<std::uintptr_t>(owned);
    std::uint64_t& known = known_[digest % kSlots];
    if (known == digest) return true;
    if (!is_fields_v1(text, owned)) return false;
    known = digest;
    return true;
  }

 private:
  static constexpr std::size_t kSlots = 1U << 15U;
  std::vector<std::uint64_t> known_ = std::vector<std::uint64_t>(kSlots);
};

// What Kubernetes parses when it decodes, or has to be JSON when it answers.
bool is_demanded(Content content) {
  return content == Content::quantity || content == Content::json || content == Content::perhaps_json;
}

SoundFields& sound_fields() {
  thread_local SoundFields fields;
  return fields;
}

class Walker {
 public:
  explicit Walker(const Message& root) : root_(root), validated_(root.kind != "Event") {}

  void message(std::string_view bytes, const Message& message);
  Walked take() && { return {unknown_, std::move(doubt_)}; }

 private:
  std::string describe(const char* what) const;
  [[noreturn]] void fail(const char* what) const;
  [[noreturn]] void fail(const Field& field, const char* what) {
    path_[depth_++] = &field;
    fail(what);
  }
  void doubt(const char* what) {
    if (doubt_.empty()) doubt_ = describe(what);
  }
  void doubt(const Field& field, const char* what) {
    path_[depth_++] = &field;
    doubt(what);
    --depth_;
  }
  // Nearly all numbers are one byte long, and there are two for every field.
  [[gnu::always_inline]] std::uint64_t varint(std::string_view& bytes) {
    const auto byte = static_cast<unsigned char>(bytes.empty() ? '\xff' : bytes.front());
    if (byte >= 0x80) return long_varint(bytes);
    bytes.remove_prefix(1);
    return byte;
  }
  std::uint64_t long_varint(std::string_view& bytes);
  [[gnu::always_inline]] std::string_view delimited(std::string_view& bytes) {
    const std::uint64_t size = varint(bytes);
    if (size > bytes.size()) fail("ends in the middle of a field");
    const std::string_view taken = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return taken;
  }
  void skip(Wire wire, std::string_view& bytes);
  void miss(const Field& field);
  void value(const Field& field, Wire wire, std::string_view& bytes);
  void number(const Field& field, std::uint64_t number);
  void leaf(const Field& field, std::string_view bytes);
  void nested(const Field& field, std::string_view bytes);
  std::string_view map_entry(const Field& field, std::string_view entry);
  void entry_content(const Field& field, std::string_view key, std::string_view value);

  const Message& root_;
  bool validated_;  // the API server looks at its metadata
  bool in_own_metadata() const { return &root_ == &object_meta() || (depth_ > 0 && path_[0]->name == "metadata"); }

  std::uint32_t unknown_ = 0;
  std::string doubt_;
  std::size_t depth_ = 0;
  std::array<const Field*, kDeepestWalk + 2> path_;
};

std::string Walker::describe(const char* what) const {
  std::string text = "is a " + std::string(root_.kind);
  for (std::size_t at = 0; at < depth_; ++at) {
    text += at == 0 ? " whose " : ".";
    text += path_[at]->name;
  }
  if (depth_ == 0) text += " that";
  return text + " " + what;
}

void Walker::fail(const char* what) const { throw core::Error(core::ErrorKind::damaged, describe(what)); }

std::uint64_t Walker::long_varint(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (std::size_t at = 0; at < bytes.size() && at < 10; ++at) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (at == 9 && byte > 1) break;
    number |= std::uint64_t{byte & 0x7fU} << (7 * at);
    if (byte >= 0x80) continue;
    if (byte == 0 && at > 0) doubt("holds a number that is longer than it need be");
    bytes.remove_prefix(at + 1);
    return number;
  }
  fail("ends in the middle of a number");
}

void Walker::skip(Wire wire, std::string_view& bytes) {
  const auto cut = [&](std::size_t size) {
    if (bytes.size() < size) fail("ends in the middle of a field");
    bytes.remove_prefix(size);
  };
  switch (wire) {
    case Wire::varint:
      varint(bytes);
      return;
    case Wire::fixed64:
      return cut(8);
    case Wire::delimited:
      delimited(bytes);
      return;
    case Wire::fixed32:
      return cut(4);
  }
  fail("holds a field of a type that does not exist");
}

// Without its metadata, spec or status it is not the object that was written, whatever takes it.
void Walker::miss(const Field& field) {
  if (depth_ == 0) fail(field, "is missing");
  doubt(field, "is missing");
}

void Walker::message(std::string_view bytes, const Message& message) {
  if (message.timestamp && bytes.empty()) return;
  auto next = message.fields.begin();  // the first field that is not behind us
  const auto end = message.fields.end();
  std::uint64_t last = 0;  // the number of the field before
  std::string_view key;    // the key of the map entry before
  bool in_order = true;
  const auto step = [&] {
    if ((next->always || message.timestamp) && next->number != last && in_order) miss(*next);
    ++next;
  };
  while (!bytes.empty()) {
    const std::uint64_t tag = varint(bytes);
    const std::uint64_t number = tag >> 3U;
    const auto wire = static_cast<Wire>(tag & 7U);
    if (number == 0 || number > 0x1fff'ffffU) fail("holds a field without a number");
    if (number < last) {
      doubt("has its fields in disorder");
      in_order = false;
      next = message.fields.begin();
    }
    while (next != end && next->number < number) step();
    if (next == end || next->number != number) {
      ++unknown_;
      skip(wire, bytes);
    } else if (next->map) {
      if (wire != Wire::delimited) fail(*next, "has another type than Kubernetes writes");
      const std::string_view new_key = map_entry(*next, delimited(bytes));
      if (number == last && new_key <= key) doubt(*next, "is not sorted");
      key = new_key;
    } else {
      if (number == last && !next->repeated) doubt(*next, "is there twice");
      value(*next, wire, bytes);
    }
    last = number;
  }
  while (next != end) step();
}

void Walker::value(const Field& field, Wire wire, std::string_view& bytes) {
  Wire expected = Wire::delimited;
  switch (field.type) {
    case FieldType::any:
      return skip(wire, bytes);
    case FieldType::boolean:
    case FieldType::int32:
    case FieldType::int64:
    case FieldType::uint:
      expected = Wire::varint;
      break;
    case FieldType::fixed64:
      expected = Wire::fixed64;
      break;
    case FieldType::fixed32:
      expected = Wire::fixed32;
      break;
    default:
      break;
  }
  if (wire != expected) fail(field, "has another type than Kubernetes writes");
  if (expected == Wire::varint) return number(field, varint(bytes));
  if (expected != Wire::delimited) return skip(wire, bytes);
  const std::string_view content = delimited(bytes);
  if (field.type == FieldType::message) return nested(field, content);
  leaf(field, content);
}

void Walker::number(const Field& field, std::uint64_t number) {
  const auto value = static_cast<std::int64_t>(number);
  constexpr const char* what = "is no such number";
  const auto is_in = [&](std::int64_t low, std::int64_t high) { return value >= low && value <= high; };
  const auto in = [&](std::int64_t low, std::int64_t high) {
    if (!is_in(low, high)) doubt(field, what);
  };
  const auto must_be_in = [&](std::int64_t low, std::int64_t high) {
    if (!is_in(low, high)) fail(field, what);
  };
  if (field.type == FieldType::boolean) return in(0, 1);
  if (field.type == FieldType::int32)
    in(std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max());
  switch (field.content) {
    case Content::int_or_string:
      return must_be_in(0, 1);
    case Content::port:
      return in(0, 65'535);
    case Content::time_seconds:
      return must_be_in(kYearOne, kYear10000 - 1);
    case Content::time_zero:
      return in(0, 0);
    case Content::time_nanoseconds:
      return in(0, 999'999'999);
    default:
      return;
  }
}

void Walker::leaf(const Field& field, std::string_view bytes) {
  // A template's metadata carries whatever its author left in it.
  if (field.content >= Content::managed_fields && field.content <= Content::fields_type && !in_own_metadata()) return;
  if (field.content == Content::managed_fields) {
    const Message* owned = depth_ == 3 && &root_ != &object_meta() ? &root_ : nullptr;
    if (bytes.empty() || sound_fields().holds(bytes, owned)) return;
    if (!is_json(bytes)) fail(field, "is no JSON");
    return doubt(field, "is no set of fields");
  }
  const char* problem = problem_of_text(bytes, field);
  if (problem == nullptr) return;
  if (is_demanded(field.content)) fail(field, problem);
  doubt(field, problem);
}

void Walker::nested(const Field& field, std::string_view bytes) {
  if (depth_ == kDeepestWalk) return;
  path_[depth_++] = &field;
  message(bytes, *field.message);
  --depth_;
}

// Returns the key. Empty bytes may be left out, as a nil slice; nothing else is.
std::string_view Walker::map_entry(const Field& field, std::string_view entry) {
  constexpr std::uint64_t key_tag = (1U << 3U) | 2U;
  constexpr std::uint64_t value_tag = (2U << 3U) | 2U;
  if (entry.empty() || varint(entry) != key_tag) fail(field, "has an entry without a key");
  const std::string_view key = delimited(entry);
  if (!is_utf8(key)) doubt(field, "has a key that is no UTF-8");
  if (is_almost_a_word(key, field)) doubt(field, "has a key that is a word of Kubernetes with a wrong letter");
  if (entry.empty()) {
    if (field.type != FieldType::bytes) fail(field, "has a key without a value");
    return key;
  }
  if (varint(entry) != value_tag) fail(field, "has an entry of another type than Kubernetes writes");
  const std::string_view value = delimited(entry);
  if (!entry.empty()) fail(field, "has an entry with something after its value");
  if (field.type == FieldType::message) {
    nested(field, value);
  } else {
    leaf(field, value);
    entry_content(field, key, value);
  }
  return key;
}

void Walker::entry_content(const Field& field, std::string_view key, std::string_view value) {
  const char* problem = nullptr;
  if (field.content == Content::payload) problem = problem_of_payload(key, value);
  if (problem != nullptr) doubt(field, problem);
  if (depth_ != 1 || !validated_) return;
  if (field.content == Content::labels) problem = problem_of_label(key, value);
  if (field.content == Content::annotations) problem = problem_of_annotation(key, value);
  if (problem != nullptr) doubt(field, problem);
}

}  // namespace

Walked walk_message(std::string_view bytes, const Message& message) {
  Walker walker(message);
  walker.message(bytes, message);
  return std::move(walker).take();
}

}  // namespace verifier
