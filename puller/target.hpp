// Where a cluster's server is and how to get in: values from the configuration, nothing looked up yet.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace puller {

/// automatic: drill-node, or where that cannot run, the node's sqlite3.
enum class Method { automatic, helper, sqlite3 };

/// What a pull may cost the node at most; beyond it ends with an error and leaves nothing.
struct Limits {
  std::chrono::seconds read_transaction{60};
  std::uint64_t wal_growth_bytes = 256U << 20U;
  std::uint64_t spool_bytes = 1U << 30U;        // on the node's disk, for what a slow link cannot take yet
  std::uint64_t database_bytes = 16ULL << 30U;  // the largest database that is taken in
  std::chrono::seconds answer{
      600};  // for all that is not the transfer, beside the read transaction, however busy it looks
  std::uint64_t least_bytes_per_second = 16U << 10U;  // of the database, in a transfer
};

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
  Method method = Method::automatic;
  Limits limits;
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds idle_timeout{60};  // the longest silence from the node before it counts as gone
  std::string restore_command = {};       // what gives the database back when it is lost, for who reads that it is
};

}  // namespace puller
