// What the damages have in common: bytes of a file, and rows by SQL behind kine's back.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/verifier/damage.hpp"

namespace damage {

std::string read_bytes(const std::filesystem::path& file);
void write_bytes(const std::filesystem::path& file, std::string_view bytes);
void overwrite(const std::filesystem::path& file, std::uint64_t offset, std::string_view bytes);
void flip_bit(const std::filesystem::path& file, std::uint64_t offset, unsigned bit);

struct LogRow {
  std::int64_t id;
  std::string name;
  bool created;
  bool deleted;
  std::int64_t create_revision;  // 0 when unset
  std::int64_t previous;
  std::int64_t size_bytes;  // of the value
  bool live;                // the newest of its name, and not deleted
  bool newest;

  bool is_object() const { return name.starts_with("/registry/") && name != "/registry/health"; }
};

struct Log {
  std::vector<LogRow> rows;  // by id
  std::int64_t compact_revision = 0;
  std::int64_t newest = 0;

  const LogRow* find(std::int64_t id) const;
};

/// The database opened to be changed as no kine would; nothing it does is undone.
class Surgery {
 public:
  explicit Surgery(const std::filesystem::path& database);
  Surgery(const Surgery&) = delete;
  ~Surgery();

  /// `?1` and so on are the arguments.
  void run(const std::string& sql, const std::vector<std::int64_t>& arguments = {});
  std::string bytes(const std::string& sql, std::int64_t argument);
  void write(const std::string& sql, std::string_view blob, std::int64_t argument);
  Log log();

 private:
  sqlite3* handle_ = nullptr;
};

/// The newest revision of an image that must not be changed; 0 when there is none.
std::int64_t newest_of(const std::filesystem::path& image);

/// A row that fits, drawn by lot; none when no row does.
const LogRow* draw(Scene& scene, const Log& log, const std::function<bool(const LogRow&)>& fits);

/// Runs `sql` with ?1 as the id of a row that fits.
bool change_row(Scene& scene, const std::function<bool(const LogRow&, const Log&)>& fits, const std::string& sql);

}  // namespace damage
