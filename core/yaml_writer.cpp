#include "core/yaml_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "core/printable.hpp"
#include "core/utf8.hpp"

namespace core {
namespace {

constexpr std::size_t kStep = 2;
// Beyond 1024 characters a key must be announced. Source: YAML 1.2, 7.4.2.
constexpr std::size_t kLongestKey = 1000;
constexpr char32_t kReplacement = 0xfffd;

// Words that a reader of YAML 1.1 takes for a boolean or null, in lower case; those of 1.2 are among them.
constexpr std::array<std::string_view, 9> kWords{"y", "n", "yes", "no", "on", "off", "true", "false", "null"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Begins with a letter or '/', so it is no number and no date, and has nothing in it that means something.
bool stands_plain(std::string_view text) {
  if (text.empty() || !(is_letter(text[0]) || text[0] == '/')) return false;
  if (text.back() == ':' || text.back() == ' ' || text.find(": ") != std::string_view::npos) return false;
  const auto is_plain = [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || std::strchr("_./:- ", c); };
  if (text.find('\0') != std::string_view::npos || !std::all_of(text.begin(), text.end(), is_plain)) return false;
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return is_letter(c) ? c | 0x20 : c; });
  return std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
}

// The character at `at`, which moves behind it. A byte that is none is U+FFFD: a text of YAML cannot hold it.
char32_t next_code_point(std::string_view text, std::size_t& at) {
  const std::size_t length = utf8_length(text.substr(at));
  const std::string_view character = text.substr(at, std::max<std::size_t>(1, length));
  at += character.size();
  return length == 0 ? kReplacement : code_point(character);
}

// What a reader may refuse, break a line at, or drop, and what a terminal should not be shown.
// Source: YAML 1.2, 5.1 and 5.4; YAML 1.1, 5.4.
bool must_be_escaped(char32_t point) { return is_unprintable(point) || point == kReplacement; }

// Lines that come back as they are: no blank at the beginning that could be indentation, one line break at the end or
// none, nothing unprintable but line breaks and tabs, and no line of blanks alone.
bool stands_as_lines(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || std::strchr(" \t\n", text[0]) != nullptr || text.ends_with("\n\n"))
    return false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t point = next_code_point(text, at);
    if (point != '\n' && point != '\t' && must_be_escaped(point)) return false;
  }
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (!line.empty() && line.find_first_not_of(" \t") == std::string_view::npos) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_code_point(text, at);
    if (point == '"' || point == '\\') {
      result += '\\';
      result += static_cast<char>(point);
    } else if (point == '\n') {
      result += "\\n";
    } else if (point == '\t') {
      result += "\\t";
    } else if (must_be_escaped(point)) {
      const auto number = static_cast<std::uint32_t>(point);
      result += number < 0x100     ? fmt::format("\\x{:02X}", number)
                : number < 0x10000 ? fmt::format("\\u{:04X}", number)
                                   : fmt::format("\\U{:08X}", number);
    } else {
      result += text.substr(begin, at - begin);
    }
  }
  return result + '"';
}

std::string one_line(std::string_view text) { return stands_plain(text) ? std::string(text) : quoted(text); }

class Writer {
 public:
  // The cursor stands at column `indent` of a line.
  void write(const YamlNode& node, std::size_t indent) {
    if (is_block(node)) {
      node.kind == YamlNode::Kind::map ? write_map(node, indent) : write_sequence(node, indent);
    } else {
      write_leaf(node, indent);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  static bool is_block(const YamlNode& node) { return !node.entries.empty() || !node.items.empty(); }

  void write_map(const YamlNode& node, std::size_t indent) {
    for (std::size_t i = 0; i < node.entries.size(); ++i) {
      const auto& [key, value] = node.entries[i];
      if (i > 0) pad(indent);
      const std::string name = one_line(key);
      if (name.size() > kLongestKey) {
        out_ += "? " + name + '\n';
        pad(indent);
      } else {
        out_ += name;
      }
      out_ += ':';
      if (!is_block(value)) {
        out_ += ' ';
        write_leaf(value, indent + kStep);
        continue;
      }
      out_ += '\n';
      // As kubectl writes them: the dashes of a list stand below its name.
      const std::size_t inner = value.kind == YamlNode::Kind::map ? indent + kStep : indent;
      pad(inner);
      write(value, inner);
    }
  }

  void write_sequence(const YamlNode& node, std::size_t indent) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (i > 0) pad(indent);
      out_ += "- ";
      write(node.items[i], indent + kStep);
    }
  }

  // `indent`: of the lines of a text of several.
  void write_leaf(const YamlNode& node, std::size_t indent) {
    if (node.kind == YamlNode::Kind::scalar && node.quoted && stands_as_lines(node.scalar)) {
      write_lines(node.scalar, indent);
      return;
    }
    switch (node.kind) {
      case YamlNode::Kind::null:
        out_ += "null";
        break;
      case YamlNode::Kind::scalar:
        out_ += node.quoted ? one_line(node.scalar) : node.scalar;
        break;
      case YamlNode::Kind::sequence:
        out_ += "[]";
        break;
      case YamlNode::Kind::map:
        out_ += "{}";
        break;
    }
    out_ += '\n';
  }

  void write_lines(std::string_view text, std::size_t indent) {
    out_ += text.back() == '\n' ? "|\n" : "|-\n";
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      if (end > 0) pad(indent);
      out_ += text.substr(0, end);
      out_ += '\n';
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  void pad(std::size_t indent) { out_.append(indent, ' '); }

  std::string out_;
};

}  // namespace

std::string write_yaml(const YamlNode& node) {
  Writer writer;
  writer.write(node, 0);
  return writer.take();
}

}  // namespace core
