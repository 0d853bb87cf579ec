// A case: a disaster as a file. What is there at first, what is done, and how it has to end. docs/scenarios.md is its
// format. What it does not do: run it (room.hpp, runner.hpp).
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/yaml.hpp"
#include "scenarios/words.hpp"

namespace scenarios {

enum class NodeState {
  none,
  bare,       // sshd, and no k3s
  installed,  // k3s has never run
  running,    // k3s runs on the case's cluster
};

struct Given {
  NodeState node = NodeState::none;
  NodeState spare = NodeState::none;
  std::string cluster = "small";
  std::string objects;                         // manifests that are applied before the first snapshot
  std::size_t pulls = 0;                       // snapshots taken from the node, one after the other
  std::vector<std::chrono::nanoseconds> ages;  // or made without a node, as old as that, oldest first
  core::YamlNode config;                       // more keys for all
  core::YamlNode cluster_config;               // more keys of edge
  std::optional<std::uint64_t> store_bytes;    // of its file system, which is of its own then
  std::optional<std::uint64_t> disk_bytes;     // of the file system that k3s's data are on, on each node
  std::string k3s_flags;                       // more of `k3s server`
  bool needs_systemd = false;
};

struct Expectation {
  const ExpectationWord* word = nullptr;
  core::YamlNode expected;
};

/// One entry of `when`: a command as a user types it, or a fault.
struct Step {
  int line = 0;
  std::string drill;  // {latest} and its like stand for a snapshot's name, {NAME} for a fact
  const Fault* fault = nullptr;
  Arguments arguments;
  std::string clock;         // of a command: what it takes for now, as "+8d"
  std::string at;            // in `during`: what the command above has said by then; empty: at once
  std::vector<Step> during;  // of a command: what is done while it runs
  std::vector<Expectation> expect;
};

struct Case {
  std::string name;
  std::filesystem::path path;
  std::string title;
  std::string story;
  std::string source;
  std::string lesson;
  std::string acts;  // given, when and then, as the file has them
  std::vector<std::string> tags;
  Given given;
  std::vector<Step> when;
  std::vector<Expectation> then;

  bool has_tag(std::string_view tag) const;
  bool needs_node() const { return given.node != NodeState::none || given.spare != NodeState::none; }
};

/// Decodes `text`, strictly. Throws: usage, with `name`, line and the nearest known word.
Case parse_case(const std::string& text, const std::filesystem::path& path);

/// All of `directory`, by name. Throws: usage for the first that is wrong; not_found without a directory.
std::vector<Case> load_cases(const std::filesystem::path& directory);

/// The JSON schema (draft 2020-12) of a case file, for editors.
std::string case_schema();

/// The tables of docs/scenarios.md: faults and expectations, from the vocabulary.
std::string vocabulary_tables();

/// Where `cases`, `lab` and the rest of the scenarios are: $DRILL_SCENARIOS, else beside the installed program, else
/// the sources this was built from. Throws: not_found.
std::filesystem::path scenarios_directory();

}  // namespace scenarios
