// What the controller asks for, read from stdin as strictly as the controller reads us (ssh/frames.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "puller/target.hpp"
#include "ssh/frames.hpp"

namespace node {

/// The image the controller has already, as short hashes (puller/page_hash.hpp).
struct Base {
  std::uint32_t page_size_bytes = 0;
  std::uint32_t page_count = 0;
  std::uint64_t salt = 0;
  std::string groups;  // one short hash per group
};

struct Request {
  puller::RequestKind kind = puller::RequestKind::inspect;
  std::chrono::seconds longest_read_transaction{0};
  std::uint64_t wal_growth_limit_bytes = 0;
  std::uint64_t spool_limit_bytes = 0;
  std::optional<Base> base;
};

/// Throws: core::Error (storage: no request of this version; unreachable: it ends early).
Request read_request(ssh::FrameReader& in);

}  // namespace node
