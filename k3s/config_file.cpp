#include "k3s/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "core/error.hpp"
#include "core/yaml.hpp"

namespace k3s {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// As Go's strconv.ParseInt and ParseUint with base 0.
std::optional<std::string> whole_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char letter = static_cast<char>(text[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    text.remove_prefix(base != 8 || letter == 'o' ? 2 : 1);
  }
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failure != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (negative && value > std::uint64_t{1} << 63U) return std::nullopt;
  return fmt::format("{}{}", negative && value > 0 ? "-" : "", value);
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looks_like_float(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t exponent = std::min(text.find_first_of("eE"), text.size());
  std::string_view digits = text.substr(0, exponent);
  if (exponent < text.size()) {
    std::string_view power = text.substr(exponent + 1);
    if (power.starts_with('-') || power.starts_with('+')) power.remove_prefix(1);
    if (!all_digits(power)) return false;
  }
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const std::string_view whole = digits.substr(0, point);
  const std::string_view rest = point < digits.size() ? digits.substr(point + 1) : std::string_view();
  if (whole.empty()) return point < digits.size() && all_digits(rest);
  return all_digits(whole) && (rest.empty() || all_digits(rest));
}

// As Go prints a float64: the fewest digits that mean it, with an exponent from a million on.
std::string printed_float(const std::string& text) {
  const double value = std::strtod(text.c_str(), nullptr);
  if (std::isinf(value)) return text;  // too large: a text to yaml.v2
  const auto shortest = [&](std::chars_format format) {
    char digits[64];
    return std::string(digits, std::to_chars(digits, digits + sizeof digits, value, format).ptr);
  };
  std::string scientific = shortest(std::chars_format::scientific);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  return value != 0 && (exponent < -4 || exponent >= 6) ? scientific : shortest(std::chars_format::fixed);
}

std::string printed(const core::YamlNode& node) {
  switch (node.kind) {
    case core::YamlNode::Kind::scalar:
      return node.quoted ? node.scalar : printed_scalar(node.scalar);
    case core::YamlNode::Kind::sequence:
      return node.items.empty() ? std::string() : printed(node.items.front());
    default:
      return {};
  }
}

std::vector<std::string> values_of(const core::YamlNode& node) {
  if (node.kind != core::YamlNode::Kind::sequence) return {printed(node)};
  std::vector<std::string> values;
  for (const core::YamlNode& item : node.items) values.push_back(printed(item));
  return values;
}

// "FILE, line 3"
std::string place_of(const core::Error& error, const std::string& path) {
  const std::string_view words = error.what();
  const int line = words.starts_with(path + ":") ? std::atoi(words.data() + path.size() + 1) : 0;
  return line > 0 ? fmt::format("{}, line {}", path, line) : path;
}

// A key keeps the place where it first came; which of two names of one flag wins is decided by that.
class Reader {
 public:
  void read(const ConfigFile& file) {
    try {
      const core::YamlNode map = core::parse_yaml(file.text, file.path, core::RepeatedKeys::keep);
      if (map.kind == core::YamlNode::Kind::null) return;
      if (map.kind != core::YamlNode::Kind::map) return unreadable_.push_back(file.path);
      for (const auto& [key, value] : map.entries)
        if (key != "<<") keep(key, value, file.path);  // merged keys are lost in k3s, too
    } catch (const core::Error& error) {
      unreadable_.push_back(place_of(error, file.path));
    }
  }

  ConfigFlags result() {
    ConfigFlags config{{}, std::move(unreadable_)};
    for (Key& key : keys_)
      for (Flag& flag : key.flags) config.flags.push_back(std::move(flag));
    return config;
  }

 private:
  struct Key {
    std::string name;
    std::vector<Flag> flags;
    bool null = false;  // which is nothing to add to
  };

  void keep(std::string name, const core::YamlNode& value, const std::string& file) {
    const bool adds = name.ends_with('+');
    if (adds) name.pop_back();
    auto key = std::find_if(keys_.begin(), keys_.end(), [&](const Key& one) { return one.name == name; });
    const bool first = key == keys_.end();
    if (first) key = keys_.insert(key, {name, {}, false});
    const bool null = value.kind == core::YamlNode::Kind::null;
    if (!adds || key->null) key->flags.clear();
    if (adds && !first && null) return;
    key->null = null;
    for (std::string& text : values_of(value)) key->flags.push_back({long_name(name), std::move(text), file});
  }

  std::vector<Key> keys_;
  std::vector<std::string> unreadable_;
};

}  // namespace

std::string printed_scalar(const std::string& text) {
  if (is_one_of(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) return "true";
  if (is_one_of(text, {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) return "false";
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return {};
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return "NaN";
  if (is_one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) return "+Inf";
  if (is_one_of(text, {"-.inf", "-.Inf", "-.INF"})) return "-Inf";
  if (std::string_view("+-.0123456789").find(text.front()) == std::string_view::npos) return text;
  std::string plain = text;
  plain.erase(std::remove(plain.begin(), plain.end(), '_'), plain.end());
  if (const std::optional<std::string> whole = whole_number(plain)) return *whole;
  return looks_like_float(plain) ? printed_float(plain) : text;
}

ConfigFlags flags_of_config(const std::vector<ConfigFile>& files) {
  Reader reader;
  for (const ConfigFile& file : files) reader.read(file);
  return reader.result();
}

}  // namespace k3s
