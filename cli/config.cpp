#include "cli/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <functional>

#include "cli/address.hpp"
#include "core/edit_distance.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/units.hpp"
#include "core/yaml.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

using core::YamlNode;

// Walks a map of the file: each known key has a reader, anything else is an error that names the nearest.
class Decoder {
 public:
  using Reader = std::function<void(const YamlNode&)>;
  using Readers = std::map<std::string, Reader>;

  explicit Decoder(std::string name) : name_(std::move(name)) {}

  [[noreturn]] void fail(const YamlNode& node, const std::string& message) const {
    throw core::Error(core::ErrorKind::usage, fmt::format("{}:{}: {}", name_, node.line, message));
  }

  void map(const YamlNode& node, const std::string& where, const Readers& readers) const {
    if (node.kind != YamlNode::Kind::map) fail(node, fmt::format("{} must be a map, KEY: VALUE on each line", where));
    for (const auto& [key, value] : node.entries) {
      const auto found = readers.find(key);
      if (found == readers.end())
        fail(value, fmt::format("unknown key '{}' in {}; {}", key, where, suggestion(key, readers)));
      found->second(value);
    }
  }

  void each(const YamlNode& node, const std::string& where,
            const std::function<void(const std::string&, const YamlNode&)>& reader) const {
    if (node.kind != YamlNode::Kind::map)
      fail(node, fmt::format("{} must be a map of names, as in \"edge: {{host: 10.0.0.2}}\"", where));
    for (const auto& [key, value] : node.entries) reader(key, value);
  }

  std::string text(const YamlNode& node) const {
    if (node.kind == YamlNode::Kind::null || (node.kind == YamlNode::Kind::scalar && node.scalar.empty()))
      fail(node, "the value is missing behind this key: write it, or take the key away");
    if (node.kind != YamlNode::Kind::scalar) fail(node, "one value is needed here, and not a list or a map");
    return node.scalar;
  }

  std::filesystem::path file(const YamlNode& node) const {
    std::string path = text(node);
    if (path.starts_with("~/"))
      if (const char* home = std::getenv("HOME")) path = home + path.substr(1);
    if (path.starts_with('~'))
      fail(node, fmt::format("'{}': only ~/ stands for a home here: write the whole path", path));
    return path;
  }

  long integer(const YamlNode& node, long least, long most) const {
    const std::string value = text(node);
    long number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || number < least || number > most)
      fail(node, fmt::format("'{}' must be a whole number from {} to {}", value, least, most));
    return number;
  }

  bool yes_or_no(const YamlNode& node) const {
    const std::string value = text(node);
    if (value != "true" && value != "false") fail(node, fmt::format("'{}' must be true or false", value));
    return value == "true";
  }

  template <class Duration>
  Duration duration(const YamlNode& node, const DurationRange& range) const {
    try {
      return parse_duration<Duration>(text(node), range);
    } catch (const core::Error& error) {
      fail(node, error.what());
    }
  }

  std::uint64_t size(const YamlNode& node, const SizeRange& range = kAnySize) const {
    try {
      return parse_size(text(node), range);
    } catch (const core::Error& error) {
      fail(node, error.what());
    }
  }

 private:
  static std::string suggestion(const std::string& key, const Readers& readers) {
    std::vector<std::string> known;
    for (const auto& [name, reader] : readers) known.push_back(name);
    const std::string meant = core::nearest(key, known);
    return meant.empty() ? fmt::format("known are: {}", fmt::join(known, ", "))
                         : fmt::format("did you mean '{}'?", meant);
  }

  std::string name_;
};

drill::Objectives read_objectives(const Decoder& decoder, const YamlNode& node, drill::Objectives defaults) {
  decoder.map(
      node, "objectives",
      {
          {"rto",
           [&](const YamlNode& value) { defaults.rto = decoder.duration<std::chrono::nanoseconds>(value, kAge); }},
          {"rpo",
           [&](const YamlNode& value) { defaults.rpo = decoder.duration<std::chrono::nanoseconds>(value, kAge); }},
      });
  return defaults;
}

void read_limits(const Decoder& decoder, const YamlNode& node, puller::Target& target) {
  puller::Limits& limits = target.limits;
  decoder.map(node, "limits",
              {
                  {"read_transaction",
                   [&](const YamlNode& value) {
                     limits.read_transaction = decoder.duration<std::chrono::seconds>(value, kWait);
                   }},
                  {"wal_growth", [&](const YamlNode& value) { limits.wal_growth_bytes = decoder.size(value); }},
                  {"spool", [&](const YamlNode& value) { limits.spool_bytes = decoder.size(value); }},
                  {"rate", [&](const YamlNode& value) { target.least_bytes_per_second = decoder.size(value); }},
                  {"database", [&](const YamlNode& value) { limits.database_bytes = decoder.size(value); }},
              });
}

puller::Method read_method(const Decoder& decoder, const YamlNode& node) {
  const std::map<std::string, puller::Method> methods{
      {"auto", puller::Method::automatic}, {"helper", puller::Method::helper}, {"sqlite3", puller::Method::sqlite3}};
  const auto found = methods.find(decoder.text(node));
  if (found == methods.end()) decoder.fail(node, fmt::format("'{}' must be auto, helper or sqlite3", node.scalar));
  return found->second;
}

// A name or an address; what else people write beside it has a key of its own.
std::string read_host(const Decoder& decoder, const YamlNode& node) {
  const std::string text = decoder.text(node);
  const std::optional<Address> address = parse_address(text);
  if (!address) decoder.fail(node, fmt::format("host: '{}' is neither a name nor an address", text));
  if (address->host == text) return text;
  std::string keys = address->host.find(':') == std::string::npos ? fmt::format("host: {}", address->host)
                                                                  : fmt::format("host: \"{}\"", address->host);
  if (address->user) keys += fmt::format(", user: {}", *address->user);
  if (address->port) keys += fmt::format(", port: {}", *address->port);
  decoder.fail(node, fmt::format("host: '{}' is more than a host; write {}", text, keys));
}

// What is the same for every cluster that does not say otherwise.
struct ClusterDefaults {
  drill::Objectives objectives;
  std::chrono::nanoseconds stale_after = drill::DrillOptions().stale_after;
  puller::Target target;  // its limits, and the rate of its transfers
};

ClusterConfig read_cluster(const Decoder& decoder, const std::string& name, const YamlNode& node,
                           const ClusterDefaults& defaults) {
  ClusterConfig cluster;
  cluster.target = defaults.target;
  cluster.target.cluster = name;
  cluster.objectives = defaults.objectives;
  cluster.stale_after = defaults.stale_after;
  puller::Target& target = cluster.target;
  decoder.map(
      node, "cluster " + name,
      {
          {"host", [&](const YamlNode& value) { target.host = read_host(decoder, value); }},
          {"user", [&](const YamlNode& value) { target.user = decoder.text(value); }},
          {"port", [&](const YamlNode& value) { target.port = static_cast<int>(decoder.integer(value, 1, 65535)); }},
          {"identity", [&](const YamlNode& value) { target.identity = decoder.file(value); }},
          {"known_hosts", [&](const YamlNode& value) { target.known_hosts = decoder.file(value); }},
          {"ssh_config", [&](const YamlNode& value) { target.ssh_config = decoder.file(value); }},
          {"data_dir", [&](const YamlNode& value) { target.data_dir = decoder.text(value); }},
          {"config_file", [&](const YamlNode& value) { target.config_file = decoder.text(value); }},
          {"kubeconfig", [&](const YamlNode& value) { cluster.restore.kubeconfig = decoder.text(value); }},
          {"stop_command", [&](const YamlNode& value) { cluster.restore.stop_command = decoder.text(value); }},
          {"start_command", [&](const YamlNode& value) { cluster.restore.start_command = decoder.text(value); }},
          {"connect_timeout",
           [&](const YamlNode& value) {
             target.connect_timeout = decoder.duration<std::chrono::seconds>(value, kWait);
           }},
          {"idle_timeout",
           [&](const YamlNode& value) { target.idle_timeout = decoder.duration<std::chrono::seconds>(value, kWait); }},
          {"objectives",
           [&](const YamlNode& value) { cluster.objectives = read_objectives(decoder, value, defaults.objectives); }},
          {"stale_after",
           [&](const YamlNode& value) {
             cluster.stale_after = decoder.duration<std::chrono::nanoseconds>(value, kAge);
           }},
          {"method", [&](const YamlNode& value) { target.method = read_method(decoder, value); }},
          {"limits", [&](const YamlNode& value) { read_limits(decoder, value, target); }},
      });
  if (target.host.empty()) decoder.fail(node, fmt::format("cluster {} needs a host", name));
  if (cluster.restore.stop_command.empty() != cluster.restore.start_command.empty())
    decoder.fail(node, fmt::format("cluster {} needs stop_command and start_command, or neither", name));
  return cluster;
}

// Below these no control plane starts.
constexpr SizeRange kMemory{"128MiB", kAnySize.most};
constexpr long kLeastPids = 32;

drill::Caps read_caps(const Decoder& decoder, const YamlNode& node) {
  drill::Caps caps;
  decoder.map(node, "caps",
              {
                  {"memory", [&](const YamlNode& value) { caps.memory_bytes = decoder.size(value, kMemory); }},
                  {"pids",
                   [&](const YamlNode& value) {
                     caps.pids = static_cast<std::uint64_t>(decoder.integer(value, kLeastPids, 4'194'304));
                   }},
              });
  return caps;
}

void read_engines(const Decoder& decoder, const YamlNode& node, drill::EngineSettings& engine) {
  decoder.map(node, "engines",
              {
                  {"k3s",
                   [&](const YamlNode& k3s) {
                     decoder.map(
                         k3s, "engines.k3s",
                         {
                             {"path", [&](const YamlNode& value) { engine.k3s_path = decoder.file(value); }},
                             {"download",
                              [&](const YamlNode& value) {
                                engine.download = decoder.yes_or_no(value) ? drill::Download::yes : drill::Download::no;
                              }},
                             {"release_url", [&](const YamlNode& value) { engine.release_url = decoder.text(value); }},
                             {"cache", [&](const YamlNode& value) { engine.cache = decoder.file(value); }},
                         });
                   }},
                  {"container",
                   [&](const YamlNode& container) {
                     decoder.map(container, "engines.container",
                                 {{"image", [&](const YamlNode& value) { engine.image = decoder.text(value); }}});
                   }},
                  {"standin",
                   [&](const YamlNode& standin) {
                     decoder.map(standin, "engines.standin",
                                 {{"path", [&](const YamlNode& value) { engine.standin_path = decoder.file(value); }}});
                   }},
              });
}

std::filesystem::path find_config() {
  std::vector<std::filesystem::path> places;
  if (const char* config_home = std::getenv("XDG_CONFIG_HOME"); config_home != nullptr && *config_home != '\0')
    places.push_back(std::filesystem::path(config_home) / "drill/config.yaml");
  else if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    places.push_back(std::filesystem::path(home) / ".config/drill/config.yaml");
  places.push_back("/etc/drill/config.yaml");
  for (const std::filesystem::path& place : places)
    if (std::filesystem::exists(place)) return place;
  std::string tried;
  for (const std::filesystem::path& place : places) tried += (tried.empty() ? "" : " nor ") + place.string();
  throw core::Error(core::ErrorKind::usage,
                    "no config: neither " + tried + " is there; make one (see docs/config.md) or give --config FILE");
}

}  // namespace

template <class Duration>
Duration parse_duration(const std::string& text, const DurationRange& range) {
  const std::optional<std::chrono::nanoseconds> exact = core::read_duration(text);
  if (exact && *exact >= *core::read_duration(range.least) && *exact <= *core::read_duration(range.most) &&
      *exact % Duration(1) == std::chrono::nanoseconds(0))
    return std::chrono::duration_cast<Duration>(*exact);
  throw core::Error(core::ErrorKind::usage,
                    fmt::format("'{}' must be a duration with its unit, from {} to {}{}", text, range.least, range.most,
                                Duration::period::den == 1 ? ", in whole seconds: 90s, 10m, 36h or 7d"
                                                           : ": 500ms, 90s, 10m, 36h or 7d"));
}

template std::chrono::nanoseconds parse_duration(const std::string&, const DurationRange&);
template std::chrono::milliseconds parse_duration(const std::string&, const DurationRange&);
template std::chrono::seconds parse_duration(const std::string&, const DurationRange&);

std::uint64_t parse_size(const std::string& text, const SizeRange& range) {
  const std::optional<std::uint64_t> size = core::read_size(text);
  if (size && *size >= *core::read_size(range.least) && *size <= *core::read_size(range.most)) return *size;
  throw core::Error(core::ErrorKind::usage,
                    fmt::format("'{}' must be a whole size with its unit, from {} to {}: 512KiB, 64MiB or 2GiB", text,
                                range.least, range.most));
}

Config parse_config(const std::string& text, const std::string& name) {
  const YamlNode root = core::parse_yaml(text, name);
  const Decoder decoder(name);
  if (root.kind != YamlNode::Kind::map)
    throw core::Error(
        core::ErrorKind::usage,
        name + ": it must be a map, KEY: VALUE on each line, and have at least 'store'; see docs/config.md");
  Config config;
  config.path = name;
  // Read first, wherever it stands, as the clusters start from it.
  ClusterDefaults defaults;
  if (const YamlNode* objectives = root.find("objectives"))
    config.drill.objectives = defaults.objectives = read_objectives(decoder, *objectives, {});
  if (const YamlNode* stale_after = root.find("stale_after"))
    config.drill.stale_after = defaults.stale_after = decoder.duration<std::chrono::nanoseconds>(*stale_after, kAge);
  if (const YamlNode* limits = root.find("limits")) read_limits(decoder, *limits, defaults.target);
  const auto count = [&](std::optional<std::size_t>& rule) {
    return [&](const YamlNode& value) { rule = static_cast<std::size_t>(decoder.integer(value, 1, 1'000'000)); };
  };
  decoder.map(root, "the config",
              {
                  {"store",
                   [&](const YamlNode& value) {
                     config.store = decoder.file(value);
                     if (!config.store.is_absolute())
                       decoder.fail(value, fmt::format("store: '{}' is no whole path: begin it with / or ~/",
                                                       config.store.string()));
                   }},
                  {"keep_last", count(config.retention.last)},
                  {"keep_hourly", count(config.retention.hourly)},
                  {"keep_daily", count(config.retention.daily)},
                  {"keep_weekly", count(config.retention.weekly)},
                  {"keep_monthly", count(config.retention.monthly)},
                  {"keep_for",
                   [&](const YamlNode& value) {
                     config.retention.for_duration = decoder.duration<std::chrono::nanoseconds>(value, kAge);
                   }},
                  {"parallel_pulls",
                   [&](const YamlNode& value) {
                     config.parallel_pulls = static_cast<std::size_t>(decoder.integer(value, 1, 64));
                   }},
                  {"objectives", [](const YamlNode&) {}},
                  {"stale_after", [](const YamlNode&) {}},
                  {"limits", [](const YamlNode&) {}},
                  {"ready_timeout",
                   [&](const YamlNode& value) {
                     config.drill.ready_timeout = decoder.duration<std::chrono::milliseconds>(value, kWait);
                   }},
                  {"alive_for",
                   [&](const YamlNode& value) {
                     config.drill.alive_for = decoder.duration<std::chrono::milliseconds>(value, kWatch);
                   }},
                  {"settle",
                   [&](const YamlNode& value) {
                     config.drill.settle = decoder.duration<std::chrono::milliseconds>(value, kWatch);
                   }},
                  {"caps", [&](const YamlNode& value) { config.drill.caps = read_caps(decoder, value); }},
                  {"engines", [&](const YamlNode& value) { read_engines(decoder, value, config.drill.engine); }},
                  {"clusters",
                   [&](const YamlNode& clusters) {
                     decoder.each(clusters, "clusters", [&](const std::string& cluster, const YamlNode& value) {
                       if (!store::valid_cluster_name(cluster))
                         decoder.fail(
                             value, fmt::format("'{}' is no cluster name: letters, digits, '-', '_' and '.'", cluster));
                       config.clusters.emplace(cluster, read_cluster(decoder, cluster, value, defaults));
                       config.cluster_names.push_back(cluster);
                     });
                   }},
              });
  if (config.store.empty())
    throw core::Error(core::ErrorKind::usage, name + ": 'store' is missing: the directory that keeps the snapshots");
  return config;
}

Config load_config(const std::filesystem::path& given) {
  const std::filesystem::path path = given.empty() ? find_config() : given;
  try {
    return parse_config(core::read_file(path), path.string());
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::usage) throw;
    throw core::Error(core::ErrorKind::usage, fmt::format("the config cannot be read: {}", error.what()));
  }
}

}  // namespace cli
