// Where a cluster's server is, how to get in, and where its k3s has its files: values from the configuration, nothing
// looked up yet.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace ssh {

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
  std::chrono::seconds idle_timeout{60};              // the longest silence from the node before it counts as gone
  std::chrono::seconds answer_timeout{600};           // for an answer that is no transfer, however busy the node looks
  std::uint64_t least_bytes_per_second = 16U << 10U;  // in a transfer
  std::string restore_command = {};  // what gives the database back when it is lost, for who reads that it is
};

}  // namespace ssh
