// The vocabulary of the store's tests: a store in a scratch directory, databases that grow a little every hour, and the
// snapshots made of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/scratch_dir.hpp"
#include "store/incoming.hpp"
#include "store/store.hpp"

namespace shelf {

/// `size_bytes` of noise that no compressor can shorten, always the same for one seed.
std::string noise(std::size_t size_bytes, unsigned seed);

/// A database at `hour`: 256 KiB of noise, of which each hour changes another 2 KiB and adds 1 KiB.
std::string database_at(int hour);

struct Shelf {
  core::ScratchDir scratch;
  std::filesystem::path root = scratch.path() / "store";
  store::Store store{root};

  /// Imports `content` as the snapshot edge/`name`, with a token.
  store::Snapshot add(const std::string& name, const std::string& content, const core::ClusterIdentity& identity = {});
  /// The same as a pull does it, whose clock says `name`.
  store::Snapshot capture(const std::string& name, const std::string& content);
  /// Stores database_at(first) to database_at(last) under the hours of 2026-11-01.
  void add_day(int first, int last);
  std::string extract(const std::string& name);
  std::string lost(const std::string& name);  // empty when it is not
  std::vector<std::string> names();
  void prove(const std::string& name, store::Evidence kind, const std::string& verdict);
  std::filesystem::path packed(const std::string& name);  // its database file

 private:
  store::Snapshot put(const std::string& name, const std::string& content, const core::ClusterIdentity& identity,
                      store::Arrival arrival);
};

/// "20261101T051700Z" for hour 5.
std::string hour(int hour);

/// Overwrites one byte in the middle of `file`.
void flip(const std::filesystem::path& file);

}  // namespace shelf
