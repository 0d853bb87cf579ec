// Work on hostile input in a child of its own, so that its time and its memory can be told.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "verifier/verify.hpp"

struct Bounded {
  bool ended = false;  // by itself, in time
  std::string said;    // what `work` returned
  std::uint64_t peak_bytes = 0;
  std::chrono::milliseconds duration{0};
};

/// Runs `work` in a forked child and ends it when it takes longer than `limit`.
Bounded bounded(const std::function<std::string()>& work, std::chrono::seconds limit = std::chrono::seconds(60));

/// 300 MiB; without an end where sanitizers keep what was freed.
std::uint64_t peak_allowed();

/// "CHECK VERDICT\n" and "  MESSAGE\n" for each finding.
std::string told(const verifier::Verification& result);
