#include "core/yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "core/error.hpp"
#include "core/yaml_problem.hpp"

namespace core {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxNodes = 100'000;  // aliases can make a small file expand without end
constexpr std::size_t kMaxBytes = 16U << 20U;
constexpr std::size_t kMaxText = 1U << 20U;  // its tree takes some hundred times that

// By its tag: "?" and "" are those of plain scalars, "!" that of a quoted one.
bool is_text(const std::string& tag) {
  constexpr std::string_view yaml = "tag:yaml.org,2002:";
  return tag.starts_with(yaml) ? tag == std::string(yaml) + "str" : !tag.empty() && tag != "?";
}

class Converter {
 public:
  Converter(const std::string& name, RepeatedKeys repeated) : name_(name), repeated_(repeated) {}

  YamlNode convert(const YAML::Node& node, int depth) {
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes) fail(node, "nested too deeply or too large");
    YamlNode result;
    result.line = node.Mark().line + 1;
    if (node.IsScalar()) {
      result.kind = YamlNode::Kind::scalar;
      result.scalar = node.Scalar();
      bytes_ += result.scalar.size();  // an alias is its whole text again
      if (bytes_ > kMaxBytes) fail(node, "nested too deeply or too large");
      result.quoted = is_text(node.Tag());
    } else if (node.IsSequence()) {
      result.kind = YamlNode::Kind::sequence;
      for (const YAML::Node& item : node) result.items.push_back(convert(item, depth + 1));
    } else if (node.IsMap()) {
      result.kind = YamlNode::Kind::map;
      for (const auto& entry : node) {
        if (!entry.first.IsScalar()) fail(entry.first, "a key must be plain text");
        const std::string key = entry.first.Scalar();
        if (repeated_ == RepeatedKeys::refuse && result.find(key) != nullptr)
          fail(entry.first, "key '" + key + "' is there twice");
        result.entries.push_back({key, convert(entry.second, depth + 1)});
        result.entries.back().value.line = entry.first.Mark().line + 1;
      }
    }
    return result;
  }

 private:
  [[noreturn]] void fail(const YAML::Node& node, const std::string& what) const {
    throw Error(ErrorKind::usage, fmt::format("{}:{}: {}", name_, node.Mark().line + 1, what));
  }

  const std::string& name_;
  RepeatedKeys repeated_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
};

// Of a tree that has been converted, so that it is known to have an end.
void check_quotes(const YAML::Node& node, const std::string& text, const std::string& name) {
  if (node.IsScalar() && is_open_quote(text, node.Mark().pos))
    throw Error(ErrorKind::usage,
                fmt::format("{}:{}:{}: {}", name, node.Mark().line + 1, node.Mark().column + 1, kOpenQuote));
  for (const auto& entry : node) {
    if (node.IsSequence()) check_quotes(entry, text, name);
    if (!node.IsMap()) continue;
    check_quotes(entry.first, text, name);
    check_quotes(entry.second, text, name);
  }
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries)
    if (name == key) return &value;
  return nullptr;
}

YamlNode parse_yaml(const std::string& text, const std::string& name, RepeatedKeys repeated) {
  if (text.size() > kMaxText)
    throw Error(ErrorKind::usage, fmt::format("{}: it has {} bytes, more than the {} that are read as YAML", name,
                                              text.size(), kMaxText));
  try {
    const YAML::Node root = YAML::Load(text);
    YamlNode result = Converter(name, repeated).convert(root, 0);
    check_quotes(root, text, name);
    return result;
  } catch (const YAML::Exception& error) {
    throw Error(ErrorKind::usage, fmt::format("{}:{}:{}: {}", name, error.mark.line + 1, error.mark.column + 1,
                                              yaml_problem(error.msg, text, error.mark.line)));
  }
}

}  // namespace core
