// What the end-to-end tests stand on: the real drill program, the seed of a filled cluster, and a store with a config.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "tests/lab_node.hpp"

namespace bench {

/// The programs under test.
std::string drill_program();
std::string standin_program();

/// A stopped cluster's data directory: about 11,000 objects. Made once, kept in the cache.
std::filesystem::path seed();

/// argv: `drill ARGUMENTS...` run to its end.
core::CommandResult drill(const std::vector<std::string>& arguments);

nlohmann::json parse(const core::CommandResult& result);

/// A program that runs while the test goes on.
struct Background {
  core::Child child;
  std::string said = {};  // by now

  /// Waits for these words; false when it ends without them, or is silent for too long.
  bool says(const std::string& words);
  /// Waits for its end; its exit code.
  std::optional<int> ends();
};

/// A lab node whose control plane runs on the seed, and a config that names it `edge`.
struct Setup {
  lab::Node node{{"--seed", seed().string()}, lab::ControlPlane::yes};
  core::ScratchDir scratch;
  std::filesystem::path store = scratch.path() / "store";
  std::filesystem::path config = scratch.path() / "config.yaml";

  explicit Setup(const std::string& more_clusters = "");
  core::CommandResult drill(std::vector<std::string> arguments) const;
};

/// The config's lines for a cluster of this name.
std::string cluster_lines(const std::string& cluster, const puller::Target& target);

/// A store and a config, and drill with them.
struct Desk {
  core::ScratchDir scratch;
  std::filesystem::path store = scratch.path() / "store";
  std::filesystem::path config = scratch.path() / "config.yaml";

  /// Writes the config anew.
  void write_config(const std::string& settings, const std::string& clusters) const;
  std::vector<std::string> command(const std::vector<std::string>& arguments) const;
  core::CommandResult drill(const std::vector<std::string>& arguments) const;
};

/// With a bare node named `edge`, which has a small database that nothing has open.
struct Bare : Desk {
  lab::Node node;

  Bare();
  /// Writes the config anew, with more clusters than `edge`.
  void configure(const std::string& settings, const std::string& more_clusters = "") const;
};

/// State database and token of the seed, in a directory that any user may read.
struct Files {
  core::ScratchDir scratch;
  std::filesystem::path database = scratch.path() / "state.db";
  std::filesystem::path token = scratch.path() / "token";
  Files();
};

/// Host-visible traces of a drill: processes of its engine, mounts, network interfaces, cgroups, and files below
/// `scratch`.
std::vector<std::string> traces(const std::filesystem::path& scratch);

}  // namespace bench
