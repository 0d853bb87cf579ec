// config.yaml as typed values, decoded strictly: an unknown key, a missing unit or a wrong type is an error with file,
// line and the nearest known key. Format: docs/config.md. What it does not do: look at anything the file names.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drill/drill.hpp"
#include "puller/pull.hpp"
#include "restorer/node_script.hpp"
#include "store/retention.hpp"

namespace cli {

struct ClusterConfig {
  puller::Target target;
  restorer::Settings restore;    // without a target: it is the one above
  drill::Objectives objectives;  // the file's own, else those given for all
  std::chrono::nanoseconds stale_after{0};
};

struct Config {
  std::filesystem::path path;
  std::filesystem::path store;
  store::RetentionRules retention;
  std::size_t parallel_pulls = 4;
  std::map<std::string, ClusterConfig> clusters;
  std::vector<std::string> cluster_names;  // in the order of the file
  drill::DrillOptions drill;
};

/// The file given, else $XDG_CONFIG_HOME/drill/config.yaml (default ~/.config), else /etc/drill/config.yaml.
/// Throws: usage, naming what is missing or wrong and where.
Config load_config(const std::filesystem::path& given);

/// Decodes `text`; `name` is for messages. Throws: usage.
Config parse_config(const std::string& text, const std::string& name);

/// "90s", "10m", "36h", "7d", "500ms". Throws: usage, naming the units.
std::chrono::nanoseconds parse_duration(const std::string& text);

/// "512KiB", "64MiB", "2GiB", in bytes; at most 1 PiB. Throws: usage, naming the units.
std::uint64_t parse_size(const std::string& text);

}  // namespace cli
