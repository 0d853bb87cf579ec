// What the node is, before anything is read: facts for the report, and the reasons why it cannot be pulled.
// It says the same as the shell text of the other method (puller/remote_script.cpp), in the same words. What k3s is
// told here it passes on unread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace node {

using Say = std::function<void(const std::string& line)>;

/// Where k3s keeps what a pull takes.
struct Places {
  std::filesystem::path data_dir;
  std::filesystem::path config_file;

  std::filesystem::path database() const { return data_dir / "server/db/state.db"; }
  std::filesystem::path wal() const {  // beside what a symlink leads to
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(database(), error);
    return (error ? database() : real).string() + "-wal";
  }
  std::filesystem::path token() const { return data_dir / "server/token"; }
};

/// Says the facts that cost nothing. Throws: Problem when there is nothing here to pull.
void look(const Places& places, const Say& say);

/// How k3s is asked for its version; empty when there is no k3s.
std::vector<std::string> version_command();

/// The version in what it says; empty when there is none.
std::string version_in(const std::string& answer);

/// What gathers all that k3s is told here (k3s/gather_script.hpp), and what it said on its way to `say`: whole
/// lines, as it may have been cut off.
std::vector<std::string> tell_command(const Places& places);
void relay_told(const std::string& answer, const Say& say);

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
