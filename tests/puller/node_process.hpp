// The real drill-node at the other end of pipes, a data directory for it to read, and the controller's side of their
// conversation: what puller/pull.cpp does, without ssh and without a store.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "puller/image_builder.hpp"
#include "ssh/frames.hpp"

struct sqlite3;

namespace node_process {

/// A connection of the node's own, as k3s has one.
class Connection {
 public:
  explicit Connection(const std::filesystem::path& database);
  ~Connection();
  Connection(Connection&&) = delete;

  /// Runs `sql`. Returns the first column of its last row; throws when it fails.
  std::string run(const std::string& sql) const;

 private:
  sqlite3* handle_ = nullptr;
};

/// SQL that adds `rows` rows to kine's table.
std::string rows_of_noise(int rows, int value_bytes);

/// What k3s keeps on a node, in a scratch directory.
class DataDir {
 public:
  DataDir();
  /// Runs `sql` through a connection that is closed again: nothing stays in a WAL.
  void run(const std::string& sql) const;
  std::filesystem::path database() const { return scratch_.path() / "server/db/state.db"; }
  std::filesystem::path path() const { return scratch_.path(); }
  void fill(int rows, int value_bytes) const { run(rows_of_noise(rows, value_bytes)); }

 private:
  core::ScratchDir scratch_;
};

/// drill-node for this machine, and its arguments for `data`.
std::filesystem::path program(const std::string& architecture = "x86_64");
std::vector<std::string> command(const DataDir& data);

class Program {
 public:
  explicit Program(const std::vector<std::string>& argv);
  ~Program();
  Program(Program&&) = delete;

  /// What the program no longer reads is lost, as on a wire.
  void say(std::string_view text) const;
  void close_stdin() { in_.reset(); }
  void hang_up();

  /// The next bytes of its stdout, 0 at their end. Fails the test after a minute of silence.
  std::size_t read(char* buffer, std::size_t size_bytes) const;
  std::string read_all() const;
  /// Reads up to the end of the first line with `word`, and of the set of bits that may follow. Returns its rest.
  std::string listen_for(std::string_view word) const;

  struct End {
    int status = 0;  // 128 and more: the signal that ended it
    std::string error_output;
    std::uint64_t peak_memory_bytes = 0;
  };
  /// Fails the test when it has not ended after `patience`.
  End wait(std::chrono::seconds patience = std::chrono::seconds(60));
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  core::Fd in_;
  core::Fd out_;
  core::Fd errors_;
};

struct Limits {
  std::uint64_t read_transaction_seconds = 60;
  std::uint64_t wal_growth_bytes = 1U << 30U;
  std::uint64_t spool_bytes = 1U << 30U;
};

std::string request(std::string_view base = {}, const Limits& limits = {});

/// All that was said up to "end", a problem, or the end of the stream.
struct Told {
  std::map<std::string, std::string> facts;
  std::map<std::string, std::string> files;
  std::string problem;
  std::optional<core::CopiedFile> image;  // with "end" only
};

using Read = std::function<std::size_t(char*, std::size_t)>;

/// Listens to `read` and gives its answers to `say`; the image is made by `image`. Throws: as a pull.
Told converse(const Read& read, const std::function<void(std::string_view)>& say, puller::ImageBuilder& image);
Told converse(Program& node, puller::ImageBuilder& image);

}  // namespace node_process
