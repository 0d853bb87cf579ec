// The way out: what is put in goes to the controller in order, as fast as the link takes it, and putting never waits
// for the link. What waits is kept in memory, then in an unlinked root-only file with a cap.
// What it does not do: compress; what it is given is small already.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "core/fd.hpp"

namespace node {

class Spool {
 public:
  /// Writes to `out`. The file, made when it is needed, is in `directory`.
  Spool(int out, std::filesystem::path directory);
  Spool(Spool&&) = delete;
  ~Spool();

  void limit(std::uint64_t waiting_bytes) { limit_bytes_ = waiting_bytes; }

  /// Throws: Problem (spool_full, spool_failed), PeerGone.
  void put(std::string_view bytes);

  /// Returns when all of it is out; false when it is not after `patience`. Throws: PeerGone.
  bool drain(std::chrono::milliseconds patience);

 private:
  void work();
  bool pending() const { return !memory_.empty() || file_end_ > file_begin_; }
  std::string take();
  void append_to_file(std::string_view bytes);

  int out_;
  std::filesystem::path directory_;
  std::uint64_t limit_bytes_ = 1ULL << 30U;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> memory_;  // older than what is in the file
  std::uint64_t memory_bytes_ = 0;
  core::Fd file_;
  std::uint64_t file_begin_ = 0;
  std::uint64_t file_end_ = 0;
  bool busy_ = false;
  bool gone_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace node
