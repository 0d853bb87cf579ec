// config.yaml as typed values, decoded strictly: an unknown key, a missing unit or a wrong type is an error with file,
// line and the nearest known key. Format: docs/config.md. What it does not do: look at anything the file names.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

/// What a duration may be, in the config and on the command line alike. Both ends belong to it.
struct DurationRange {
  std::string_view least;
  std::string_view most;
};
inline constexpr DurationRange kWait{"1s", "24h"};    // for something that has to answer
inline constexpr DurationRange kWatch{"0s", "24h"};   // 0s: not at all
inline constexpr DurationRange kAge{"1s", "36500d"};  // of snapshots, and what may be lost

/// "90s", "10m", "36h", "7d", "500ms", "0s". Throws: usage, naming the units and the range; also when `Duration` cannot
/// hold it exactly.
template <class Duration>
Duration parse_duration(const std::string& text, const DurationRange& range);

struct SizeRange {
  std::string_view least;
  std::string_view most;
};
inline constexpr SizeRange kAnySize{"1B", "1024TiB"};

/// "512KiB", "64MiB", "2GiB", in bytes. Throws: usage, naming the units and the range.
std::uint64_t parse_size(const std::string& text, const SizeRange& range);

}  // namespace cli
