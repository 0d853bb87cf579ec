#include "scenarios/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/units.hpp"

namespace scenarios {

using core::YamlNode;

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = [] {
    std::vector<Fault> together;
    for (const auto& make : {store_faults, node_faults, network_faults, cluster_faults, engine_faults, room_faults}) {
      std::vector<Fault> some = make();
      std::move(some.begin(), some.end(), std::back_inserter(together));
    }
    return together;
  }();
  return all;
}

namespace {

bool is_whole(const std::string& text) {
  return !text.empty() && text.size() < 16 && text.find_first_not_of("0123456789") == std::string::npos;
}

bool is_snapshot(const std::string& text) {
  return text == "latest" || text == "previous" || text == "oldest" || is_whole(text);
}

bool are_texts(const YamlNode& value) {
  if (value.kind == YamlNode::Kind::scalar) return !value.scalar.empty();
  return value.kind == YamlNode::Kind::sequence && !value.items.empty() &&
         std::all_of(value.items.begin(), value.items.end(),
                     [](const YamlNode& item) { return item.kind == YamlNode::Kind::scalar && !item.scalar.empty(); });
}

bool are_durations(const YamlNode& value) {
  return std::all_of(value.items.begin(), value.items.end(),
                     [](const YamlNode& item) { return core::read_duration(item.scalar).has_value(); });
}

}  // namespace

std::string problem_of(const YamlNode& value, Kind kind, const std::vector<std::string_view>& choices) {
  if (kind == Kind::texts) return are_texts(value) ? "" : "one text or a list of texts is needed here";
  if (kind == Kind::age && value.kind == YamlNode::Kind::sequence)
    return value.items.size() == 2 && are_durations(value) ? "" : "[LEAST, MOST] is needed here: [1h, 2h]";
  if (value.kind != YamlNode::Kind::scalar || value.scalar.empty()) return "one value is needed here";
  const std::string& text = value.scalar;
  switch (kind) {
    case Kind::whole:
      return is_whole(text) ? "" : "a whole number is needed here";
    case Kind::size:
      return core::read_size(text) ? "" : "a size with its unit is needed here: 64MiB";
    case Kind::duration:
    case Kind::age:
      return core::read_duration(text) ? "" : "a duration with its unit is needed here: 90s";
    case Kind::yes:
      return text == "true" ? "" : "only true can stand here; else leave the key out";
    case Kind::choice:
      return std::find(choices.begin(), choices.end(), text) != choices.end()
                 ? ""
                 : fmt::format("one of {} is needed here", fmt::join(choices, ", "));
    case Kind::snapshot:
      return is_snapshot(text) ? "" : "latest, previous, oldest or a number is needed here; 0 is the oldest";
    case Kind::node:
      return text == "edge" || text == "spare" ? "" : "edge or spare is needed here";
    default:
      return {};
  }
}

std::vector<std::string> texts_of(const YamlNode& value) {
  if (value.kind == YamlNode::Kind::scalar) return {value.scalar};
  std::vector<std::string> texts;
  for (const YamlNode& item : value.items) texts.push_back(item.scalar);
  return texts;
}

const YamlNode* Arguments::find(std::string_view name) const {
  for (const core::YamlEntry& entry : given_)
    if (entry.key == name) return &entry.value;
  return nullptr;
}

std::string Arguments::text(std::string_view name) const {
  if (const YamlNode* given = find(name)) return given->scalar;
  const auto known =
      std::find_if(known_->begin(), known_->end(), [&](const Argument& one) { return one.name == name; });
  return std::string(known->otherwise);
}

std::uint64_t Arguments::whole(std::string_view name) const {
  const std::string digits = text(name);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

std::uint64_t Arguments::size_bytes(std::string_view name) const { return core::read_size(text(name)).value_or(0); }

std::chrono::nanoseconds Arguments::duration(std::string_view name) const {
  return core::read_duration(text(name)).value_or(std::chrono::nanoseconds(0));
}

std::vector<std::string> Arguments::texts(std::string_view name) const {
  if (const YamlNode* given = find(name)) return texts_of(*given);
  return {};
}

}  // namespace scenarios
