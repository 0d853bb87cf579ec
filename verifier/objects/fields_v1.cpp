#include "verifier/objects/fields_v1.hpp"

#include <string>
#include <vector>

#include "verifier/kine/foreign_text.hpp"
#include "verifier/objects/content.hpp"
#include "verifier/objects/json_scanner.hpp"
#include "verifier/objects/tree.hpp"

namespace verifier {
namespace {

// Where keys with this prefix stand among the others; 0 for what is none.
std::size_t rank_of(char prefix) {
  switch (prefix) {
    case '.':
      return 1;
    case 'f':
      return 2;
    case 'k':
      return 3;
    case 'v':
      return 4;
    case 'i':
      return 5;
    default:
      return 0;
  }
}

// One object of the tree that is open. Only fields have an order that can be told without knowing their types.
struct Level {
  const Message* fields_of = nullptr;  // whose fields the names here are
  const Message* items_of = nullptr;   // whose fields the names one level below are: lists and maps
  std::string_view last;               // name of the field before
  std::size_t rank = 0;                // of the prefix before
};

// The level below field `name`; false when the name is a field's with a wrong letter.
bool descend(const Message& message, std::string_view name, Level& below) {
  const auto enter = [&](const Field& field) {
    (field.repeated || field.map ? below.items_of : below.fields_of) = field.message;
    return true;
  };
  for (const Field& field : message.fields)
    if (is_same(field.name, name)) return enter(field);
  for (const Field& field : message.fields) {
    if (!field.inlined) continue;
    for (const Field& inner : field.message->fields)
      if (is_same(inner.name, name)) return enter(inner);
  }
  // Protobuf's names differ from JSON's in the case of a letter, if they do.
  for (const Field& field : message.fields)
    if (is_one_bit_apart(name, field.name)) return false;
  return true;
}

// `text` with its escapes resolved, for those that Go writes into keys: \" and \\ and controls.
std::string unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  while (true) {
    const std::size_t backslash = text.find('\\');
    plain += text.substr(0, backslash);
    if (backslash == std::string_view::npos) return plain;
    const char kind = text[backslash + 1];
    constexpr std::string_view kinds = "bfnrt";
    const std::size_t found = kinds.find(kind);
    plain += found == std::string_view::npos ? kind : "\b\f\n\r\t"[found];
    text.remove_prefix(backslash + 2);
  }
}

class Reader {
 public:
  Reader(std::string_view text, const Message* message) : at_(text.data()), end_(text.data() + text.size()) {
    open_.reserve(16);
    open_.push_back({message, nullptr, {}, 0});
  }

  bool read();

 private:
  bool take(char expected) {
    if (at_ == end_ || *at_ != expected) return false;
    ++at_;
    return true;
  }
  std::string_view string(bool& escaped);
  bool key();

  const char* at_;
  const char* end_;
  std::vector<Level> open_;
};

// The inside of the JSON string that begins here, and steps over it; null data when there is no well-formed one.
std::string_view Reader::string(bool& escaped) {
  if (!take('"')) return {};
  const char* const start = at_;
  while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20) ++at_;
  if (at_ == end_) return {};
  escaped = *at_ != '"';
  if (escaped) {
    at_ = json_string_end(start - 1, end_);
    if (at_ == nullptr) return {};
  } else {
    ++at_;
  }
  return {start, static_cast<std::size_t>(at_ - start - 1)};
}

// A key and everything up to the inside of its object.
bool Reader::key() {
  bool escaped = false;
  const std::string_view name = string(escaped);
  if (name.empty()) return false;
  const std::size_t rank = rank_of(name.front());
  Level& level = open_.back();
  if (rank == 0 || rank < level.rank) return false;
  level.rank = rank;
  Level below;
  below.fields_of = level.items_of;
  if (name.front() != 'f') {
    if (name.find("\\u") == std::string_view::npos && !is_path_element(escaped ? unescape(name) : name)) return false;
  } else {
    if (name.size() < 2 || name[1] != ':') return false;
    const std::string_view field = name.substr(2);
    if (!escaped) {
      if (!level.last.empty() && field <= level.last) return false;
      level.last = field;
    }
    if (level.fields_of != nullptr && !descend(*level.fields_of, field, below)) return false;
  }
  open_.push_back(below);
  return take(':') && take('{') && open_.size() <= kDeepestNesting;
}

bool Reader::read() {
  if (!take('{')) return false;
  bool after_one = false;  // an object has just been closed
  while (!open_.empty()) {
    if (take('}')) {
      open_.pop_back();
      after_one = true;
      continue;
    }
    if (after_one && !take(',')) return false;
    after_one = false;
    if (!key()) return false;
  }
  return at_ == end_;
}

}  // namespace

bool is_fields_v1(std::string_view text, const Message* message) {
  return is_utf8(text) && Reader(text, message).read();
}

bool is_path_element(std::string_view key) {
  if (key == ".") return true;
  if (key.size() < 2 || key[1] != ':') return false;
  const std::string_view rest = key.substr(2);
  switch (key.front()) {
    case 'f':
      return true;
    case 'k':
      return rest.starts_with('{') && is_json(rest);
    case 'v':
      return is_json(rest);
    case 'i':
      return rest.find_first_not_of("-0123456789") == std::string_view::npos && is_json(rest);
    default:
      return false;
  }
}

}  // namespace verifier
