// What lies in the restored datastore, byte by byte, as of the snapshot's revision: through kine's etcd interface
// against the rows of the snapshot's file. It sees what the API does not list (ranges of addresses and ports, leases of
// the masters, the bootstrap row), and, deep, the content of every object, sealed ones too.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/fd.hpp"
#include "core/finding.hpp"
#include "core/revision.hpp"

namespace drill {

/// `internal`: the keys that the API cannot list, and those of `resources`, custom ones, "widgets.shop.example.com".
/// `deep`: all keys.
enum class Depth { internal, deep };

struct DatastoreProof {
  core::Check check{"datastore", core::CheckVerdict::pass, {}, {}};
  std::uint64_t keys = 0;     // of the snapshot that were looked for
  std::uint64_t matched = 0;  // with the same revision and the same bytes
};

/// How kine is reached.
struct DatastoreAccess {
  std::function<core::Fd()> open_socket;  // a handle of its socket, as of socket_inside()
  std::function<void()> meanwhile = {};   // as in HttpOptions
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();  // of all of it
};

/// `database` is the snapshot's file. What kine does not answer makes an internal proof skipped, with the reason.
/// Throws, when deep or for resources: unreachable, timeout; always: damaged, storage, cancelled.
DatastoreProof prove_datastore(const DatastoreAccess& access, const std::filesystem::path& database,
                               core::Revision revision, Depth depth, const std::vector<std::string>& resources = {});

}  // namespace drill
