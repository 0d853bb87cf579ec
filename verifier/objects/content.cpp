#include "verifier/objects/content.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "verifier/kine/foreign_text.hpp"
#include "verifier/objects/gzip.hpp"
#include "verifier/objects/json_scanner.hpp"

namespace verifier {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kWranglerApplied = "objectset.rio.cattle.io/applied";
constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

// What a character may be part of. A table, as every letter of every label, key and UID is asked for.
enum Class : unsigned char { alphanumeric = 1, label = 2, hexadecimal = 4 };
constexpr std::array<unsigned char, 256> kClasses = [] {
  std::array<unsigned char, 256> classes{};
  for (const char c : "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"sv)
    classes[static_cast<unsigned char>(c)] = alphanumeric | label;
  for (const char c : "-_."sv) classes[static_cast<unsigned char>(c)] = label;
  for (const char c : "0123456789abcdef"sv) classes[static_cast<unsigned char>(c)] |= hexadecimal;
  return classes;
}();

bool is(Class classes, char c) { return (kClasses[static_cast<unsigned char>(c)] & classes) != 0; }
bool is_alphanumeric(char c) { return is(alphanumeric, c); }

// What labels may hold, and the part of a key behind its slash: ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9].
bool is_label_text(std::string_view text) {
  if (text.empty() || text.size() > 63 || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is(label, c); });
}

// [a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*; letters may be of either case in annotations.
bool is_subdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  bool inside = false;  // after a letter or digit of this part
  char last = '.';
  for (const char c : text) {
    if (is_alphanumeric(c)) {
      inside = true;
    } else if (c == '.') {
      if (!inside || last == '-') return false;
      inside = false;
    } else if (c != '-' || !inside) {
      return false;
    }
    last = c;
  }
  return inside && last != '-';
}

bool has_upper(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_qualified_name(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return is_label_text(key);
  return is_subdomain(key.substr(0, slash)) && is_label_text(key.substr(slash + 1));
}

// Source: k8s.io/apimachinery, pkg/api/resource/quantity.go, ParseQuantity; a zero one may be without text.
bool is_quantity(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() == '+' || text.front() == '-') text.remove_prefix(1);
  const auto take_digits = [&] {
    const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(count);
    return count;
  };
  std::size_t digits = take_digits();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits += take_digits();
  }
  if (digits == 0) return false;
  if (text.empty()) return true;
  if (text.size() == 1) return std::string_view("numkMGTPE").find(text.front()) != std::string_view::npos;
  if (text.size() == 2 && text[1] == 'i')
    return std::string_view("KMGTPE").find(text.front()) != std::string_view::npos;
  if (text.front() != 'e' && text.front() != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return take_digits() > 0 && text.empty();
}

}  // namespace

bool is_almost_uuid(std::string_view text, Giver giver) {
  constexpr std::size_t length = 36;
  if (text.size() != length) return false;
  const auto fits = [&](std::size_t at) {
    const char c = text[at];
    if (at == 8 || at == 13 || at == 18 || at == 23) return c == '-';
    if (giver == Giver::anybody) return is(hexadecimal, c) || (c >= 'A' && c <= 'F');
    if (at == 14) return c >= '1' && c <= '8';                          // version
    if (at == 19) return c == '8' || c == '9' || c == 'a' || c == 'b';  // variant
    return is(hexadecimal, c);
  };
  int wrong = 0;
  for (std::size_t at = 0; at < length; ++at)
    if (!fits(at) && ++wrong > 1) return false;
  return wrong == 1;
}

bool is_one_bit_apart(std::string_view text, std::string_view other) {
  if (text.size() != other.size()) return false;
  const auto [here, there] = std::mismatch(text.begin(), text.end(), other.begin());
  if (here == text.end()) return false;
  const auto difference = static_cast<unsigned char>(*here ^ *there);
  constexpr unsigned char other_case = 0x20;
  if (difference == other_case && is_alphanumeric(*here) && is_alphanumeric(*there)) return false;
  return std::has_single_bit(difference) && std::equal(here + 1, text.end(), there + 1);
}

bool is_almost_one_of(std::string_view text, std::span<const std::string_view> words) {
  if (std::any_of(words.begin(), words.end(), [&](std::string_view word) { return is_same(text, word); })) return false;
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return is_one_bit_apart(text, word); });
}

const char* problem_of_text(std::string_view text, const Field& field) {
  switch (field.content) {
    case Content::quantity:
      return is_quantity(text) ? nullptr : "is no quantity";
    case Content::json:
      return text.empty() || is_json(text) ? nullptr : "is no JSON";
    case Content::perhaps_json:
      return !text.starts_with('{') || is_json(text) ? nullptr : "is no JSON";
    case Content::operation:
      return text == "Apply" || text == "Update" ? nullptr : "is no operation";
    case Content::fields_type:
      return text.empty() || text == "FieldsV1" ? nullptr : "is no type of fields";
    case Content::uid:
      if (is_almost_uuid(text, Giver::anybody)) return "is no UID any more";
      break;
    case Content::own_uid:
      if (is_almost_uuid(text, Giver::api_server)) return "is no UID any more";
      break;
    case Content::word:
      if (is_almost_a_word(text, field)) return "is a word of Kubernetes with a wrong letter";
      break;
    case Content::free_text:
      return nullptr;
    default:
      break;
  }
  if (field.type == FieldType::string && !is_utf8(text)) return "is no UTF-8";
  return nullptr;
}

const char* problem_of_label(std::string_view key, std::string_view value) {
  const std::size_t slash = key.find('/');
  if (!is_qualified_name(key) || (slash != std::string_view::npos && has_upper(key.substr(0, slash))))
    return "has a key that is no qualified name";
  return value.empty() || is_label_text(value) ? nullptr : "has a value that is no label's";
}

const char* problem_of_annotation(std::string_view key, std::string_view value) {
  if (!is_qualified_name(key)) return "has a key that is no qualified name";
  // As kubectl writes it; what somebody wrote there by hand is theirs.
  if (key == kLastApplied && value.starts_with("{\"") && value.ends_with("}\n") && !is_json(value))
    return "holds a last applied configuration that is no JSON";
  if (key == kWranglerApplied && looks_like_packed(value) && !is_packed(value))
    return "holds what was applied last with a wrong checksum";
  return nullptr;
}

const char* problem_of_payload(std::string_view key, std::string_view value) {
  if (key == "release" && looks_like_packed(value) && !is_packed(value))
    return "holds a Helm release with a wrong checksum";
  return nullptr;
}

}  // namespace verifier
