// The live database as of one read transaction, page by page. The door to SQLite on the node.
// It never writes: opened read-only it can neither change the database or its WAL, nor checkpoint, nor take -wal and
// -shm away. What it does do, as every reader must, is hold a read lock in -shm, which keeps k3s from resetting the
// WAL. What it does not do: copy anything to a disk, or keep more than a few pages in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

namespace node {

std::string_view sqlite_version();

class ReadTransaction {
 public:
  /// Opens `database` and begins. Waits up to 30 s for a lock of another program.
  /// Throws: Problem (copy_failed and SQLite's words).
  explicit ReadTransaction(const std::filesystem::path& database);
  ~ReadTransaction();

  std::uint32_t page_size_bytes() const { return page_size_bytes_; }
  std::uint32_t page_count() const { return page_count_; }

  /// Hands over every page in order; numbers begin with 1. Throws: Problem, and what `visit` throws.
  void for_each_page(const std::function<void(std::uint32_t number, std::string_view page)>& visit);

  /// One page; valid until the next call. Throws: Problem.
  std::string_view page(std::uint32_t number);

  /// Lets go of the database. Throws: Problem when what was read was not one state: k3s, stopped at first, has started.
  void end();

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::uint32_t page_size_bytes_ = 0;
  std::uint32_t page_count_ = 0;
};

}  // namespace node
