// Where a cluster's server is and how to get in: values from the configuration, nothing looked up yet.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace puller {

/// Empty fields are filled from ~/.ssh/config, then ssh's defaults.
struct Target {
  std::string cluster;
  std::string host;
  std::optional<std::string> user;
  std::optional<int> port;
  std::optional<std::filesystem::path> identity;
  std::optional<std::filesystem::path> known_hosts;
  std::optional<std::filesystem::path> ssh_config;          // instead of ~/.ssh/config and /etc/ssh/ssh_config
  std::filesystem::path data_dir = "/var/lib/rancher/k3s";  // on the node
  std::filesystem::path config_file = "/etc/rancher/k3s/config.yaml";  // on the node
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds idle_timeout{60};  // the longest silence from the node before it counts as gone
};

}  // namespace puller
