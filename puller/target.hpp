// A node to pull from, by which method, and what that may cost it: values from the configuration, nothing looked up
// yet.
#pragma once

#include <chrono>
#include <cstdint>

#include "ssh/target.hpp"

namespace puller {

/// automatic: drill-node, or where that cannot run, the node's sqlite3.
enum class Method { automatic, helper, sqlite3 };

/// What is asked of the program on the node.
enum class RequestKind { inspect, pull };

/// What a pull may cost the node at most; beyond it ends with an error and leaves nothing.
struct Limits {
  std::chrono::seconds read_transaction{60};
  std::uint64_t wal_growth_bytes = 256U << 20U;
  std::uint64_t spool_bytes = 1U << 30U;        // on the node's disk, for what a slow link cannot take yet
  std::uint64_t database_bytes = 16ULL << 30U;  // the largest database that is taken in
};

/// Of a node whose server/token is gone. Without it no snapshot can be restored, and a database can be looked into.
enum class NoToken { refused, accepted };

struct Target : ssh::Target {
  NoToken no_token = NoToken::refused;
  Method method = Method::automatic;
  Limits limits;
};

}  // namespace puller
