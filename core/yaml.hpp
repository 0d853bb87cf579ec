// YAML as plain values with line numbers: our config, kubeconfigs, a node's config.yaml. The door to yaml-cpp.
// What it does not do: decide which keys are known; the readers of each file do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace core {

struct YamlEntry;

struct YamlNode {
  enum class Kind { null, scalar, sequence, map };
  Kind kind = Kind::null;
  int line = 0;  // 1-based
  std::string scalar;
  bool quoted = false;  // a text, whatever it looks like
  std::vector<YamlNode> items;
  std::vector<YamlEntry> entries;

  /// The entry for `key`, or nullptr; also nullptr when this is no map.
  const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {  // not a std::pair, which clang wants complete inside YamlNode
  std::string key;
  YamlNode value;
};

/// What is said of a map that has a key twice.
enum class RepeatedKeys { refuse, keep };

/// The first document of `text`. Throws: usage, with `name` and the line, for text that is no YAML, has a key twice, or
/// is larger than 1 MiB, 100,000 values or 64 levels.
YamlNode parse_yaml(const std::string& text, const std::string& name, RepeatedKeys repeated = RepeatedKeys::refuse);

}  // namespace core
