// What the node is, before anything is read: facts for the report, and the reasons why it cannot be pulled.
// It says the same as the shell text of the other method (puller/remote_script.cpp), in the same words.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/fd.hpp"

namespace node {

using Say = std::function<void(const std::string& line)>;

/// Where k3s keeps what a pull takes.
struct Places {
  std::filesystem::path data_dir;
  std::filesystem::path config_file;

  std::filesystem::path database() const { return data_dir / "server/db/state.db"; }
  std::filesystem::path wal() const { return data_dir / "server/db/state.db-wal"; }
  std::filesystem::path token() const { return data_dir / "server/token"; }
};

/// Says the facts that cost nothing. Throws: Problem when there is nothing here to pull.
void look(const Places& places, const Say& say);

/// Asks k3s for its version aside, since the program takes its time to start.
class VersionQuestion {
 public:
  VersionQuestion();
  ~VersionQuestion();
  /// Waits at most `patience`; empty when there is no k3s, or no answer.
  std::string answer(std::chrono::milliseconds patience);

 private:
  core::Fd out_;
  pid_t child_ = -1;
};

/// A small file that goes with the database.
struct SmallFile {
  std::string name;  // in the snapshot
  std::string content;
};

/// Token and configuration, read now. Throws: Problem.
std::vector<SmallFile> read_small_files(const Places& places);

/// 0 when there is none.
std::uint64_t size_of_file(const std::filesystem::path& path);

}  // namespace node
