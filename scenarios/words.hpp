// The words that a case may use: faults (what is done to a node, a store, a clock, an engine) and expectations (what a
// command has to say, and what is there afterwards). Each is one entry of a table, with its arguments, its text for
// docs/scenarios.md and what it does. To add one: faults_*.cpp and expectations.cpp.
// What it does not do: read a case (case.hpp), or decide when something is done (room.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/yaml.hpp"

namespace scenarios {

class Room;
struct Outcome;

/// What a value has to look like.
enum class Kind {
  text,
  whole,      // 0 or more
  size,       // 64MiB
  duration,   // 90s
  age,        // a duration, or two: least and most
  yes,        // true
  choice,     // one of Argument::choices
  snapshot,   // latest, previous, oldest, or a number: 0 is the oldest
  node,       // edge or spare
  texts,      // one text, or a list
  manifests,  // Kubernetes objects, as YAML
};

struct Argument {
  std::string_view name;
  Kind kind;
  std::string_view about;
  std::string_view otherwise = {};  // when it is left out; an argument without is required
  std::vector<std::string_view> choices = {};
};

/// The arguments of one fault, as checked.
class Arguments {
 public:
  Arguments() = default;
  Arguments(const std::vector<Argument>& known, std::vector<core::YamlEntry> given)
      : known_(&known), given_(std::move(given)) {}

  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::string text(std::string_view name) const;
  std::uint64_t whole(std::string_view name) const;
  std::uint64_t size_bytes(std::string_view name) const;
  std::chrono::nanoseconds duration(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

 private:
  const core::YamlNode* find(std::string_view name) const;

  const std::vector<Argument>* known_ = nullptr;
  std::vector<core::YamlEntry> given_;
};

/// What has to be there for a fault.
enum class Need { nothing, node, root, standin, faketime, snapshots };

struct Fault {
  std::string_view name;
  std::string_view about;
  std::vector<Argument> arguments;
  Need need;
  std::function<void(Room&, const Arguments&)> inflict;
};

struct ExpectationWord {
  std::string_view name;
  Kind kind;
  std::string_view about;
  std::vector<std::string_view> choices;
  /// What is not as `expected` says; empty when all is.
  std::function<std::string(Room&, const Outcome&, const core::YamlNode& expected)> differs;
};

const std::vector<Fault>& faults();
const std::vector<ExpectationWord>& expectation_words();

// Each in a file of its name.
std::vector<Fault> store_faults();
std::vector<Fault> node_faults();
std::vector<Fault> network_faults();
std::vector<Fault> cluster_faults();
std::vector<Fault> engine_faults();
std::vector<Fault> room_faults();

/// Why `value` is none of `kind`; empty when it is.
std::string problem_of(const core::YamlNode& value, Kind kind, const std::vector<std::string_view>& choices);

/// The texts of a value that is one, or a list.
std::vector<std::string> texts_of(const core::YamlNode& value);

}  // namespace scenarios
