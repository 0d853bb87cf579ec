#include "verifier/objects/json_scanner.hpp"

#include <cstdint>
#include <cstring>
#include <string>

#include "verifier/objects/tree.hpp"

namespace verifier {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The eight bytes at `at` are neither quotes nor backslashes nor control characters.
bool plain_in_string(const char* at) {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  constexpr std::uint64_t tops = 0x8080808080808080U;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  const std::uint64_t quote = bytes ^ (ones * '"');
  const std::uint64_t backslash = bytes ^ (ones * '\\');
  const std::uint64_t suspect =
      ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((bytes - ones * 0x20U) & ~bytes);
  return (suspect & tops) == 0;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool document();
  bool string();
  const char* position() const { return at_; }

 private:
  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool take(char expected) {
    if (at_ == end_ || *at_ != expected) return false;
    ++at_;
    return true;
  }
  bool take_blank_and(char expected) {
    skip_blanks();
    return take(expected);
  }
  bool digits() {
    const char* const start = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != start;
  }
  bool literal(std::string_view word) {
    if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0)
      return false;
    at_ += word.size();
    return true;
  }
  bool escape();
  bool number();
  bool scalar();
  bool open(char bracket);
  bool close();

  const char* at_;
  const char* end_;
  std::string open_;  // the brackets that wait for their other half
};

bool Scanner::escape() {
  if (at_ == end_) return false;
  const char kind = *at_++;
  if (kind != 'u') return std::strchr("\"\\/bfnrt", kind) != nullptr && kind != '\0';
  for (int digit = 0; digit < 4; ++digit, ++at_)
    if (at_ == end_ || !(is_digit(*at_) || (*at_ >= 'a' && *at_ <= 'f') || (*at_ >= 'A' && *at_ <= 'F'))) return false;
  return true;
}

bool Scanner::string() {
  if (!take('"')) return false;
  while (true) {
    while (end_ - at_ >= 8 && plain_in_string(at_)) at_ += 8;
    if (at_ == end_) return false;
    const char c = *at_++;
    if (c == '"') return true;
    if (static_cast<unsigned char>(c) < 0x20) return false;
    if (c == '\\' && !escape()) return false;
  }
}

bool Scanner::number() {
  take('-');
  if (!take('0') && !digits()) return false;
  if (take('.') && !digits()) return false;
  if (take('e') || take('E')) {
    if (!take('+')) take('-');
    return digits();
  }
  return true;
}

bool Scanner::scalar() {
  if (at_ == end_) return false;
  switch (*at_) {
    case '"':
      return string();
    case 't':
      return literal("true");
    case 'f':
      return literal("false");
    case 'n':
      return literal("null");
    default:
      return number();
  }
}

bool Scanner::open(char bracket) {
  ++at_;
  open_ += bracket;
  return open_.size() <= kDeepestNesting;
}

// After a value: closes what ends here and steps over the comma. Leaves the scanner before a key or a value.
bool Scanner::close() {
  while (!open_.empty()) {
    skip_blanks();
    if (at_ == end_) return false;
    const char c = *at_++;
    if (c == ',') {
      if (open_.back() == '[') return true;
      skip_blanks();
      return string() && take_blank_and(':');
    }
    if (c != (open_.back() == '[' ? ']' : '}')) return false;
    open_.pop_back();
  }
  return true;
}

bool Scanner::document() {
  do {
    skip_blanks();
    if (at_ == end_) return false;
    const char c = *at_;
    if (c == '{' || c == '[') {
      if (!open(c)) return false;
      skip_blanks();
      if (at_ == end_) return false;
      if (*at_ == (c == '{' ? '}' : ']')) {
        if (!close()) return false;
      } else if (c == '{' && !(string() && take_blank_and(':'))) {
        return false;
      }
      continue;
    }
    if (!scalar() || !close()) return false;
  } while (!open_.empty());
  skip_blanks();
  return at_ == end_;
}

}  // namespace

bool is_json(std::string_view text) { return Scanner(text).document(); }

const char* json_string_end(const char* at, const char* end) {
  Scanner scanner({at, static_cast<std::size_t>(end - at)});
  return scanner.string() ? scanner.position() : nullptr;
}

}  // namespace verifier
