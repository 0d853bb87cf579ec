// Makes databases as kine makes them, in real SQLite: the three eras of its columns, objects as protobuf or JSON.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;

namespace kine {

enum class Era { a, b, c };  // kine up to 0.15, 0.16, 0.17: what the columns beside the value hold

class Database {
 public:
  explicit Database(const std::filesystem::path& path, Era era = Era::c);
  Database(const Database&) = delete;
  ~Database();

  /// Each writes one row and returns its revision.
  std::int64_t create(const std::string& name, std::string_view value);
  std::int64_t update(const std::string& name, std::string_view value);
  std::int64_t remove(const std::string& name);
  std::int64_t fill_gap();

  /// From here on rows are written as a newer kine does.
  void become(Era era) { era_ = era; }

  void set_compact_revision(std::int64_t revision);
  void exec(const std::string& sql);
  void close();

 private:
  struct Last {
    std::int64_t id = 0;
    std::int64_t created_by = 0;
    std::string value;
  };
  std::int64_t insert(const std::string& name, bool created, bool deleted, std::optional<std::int64_t> create_revision,
                      std::int64_t prev_revision, std::optional<std::string_view> value,
                      std::optional<std::string_view> old_value);

  Era era_;
  sqlite3* handle_ = nullptr;
  std::map<std::string, Last> last_;
};

struct Meta {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string namespace_name;
  std::string uid;
  std::int64_t created_seconds = 1'790'000'000;  // 2026-09-21
};

/// The envelope with metadata; `more` is added to the object's own fields, already encoded. What Kubernetes always
/// writes is added, empty.
std::string protobuf(const Meta& meta, std::string_view more = {}, std::string_view more_metadata = {});
std::string json(const Meta& meta, const std::string& more = {});

/// Encoded single fields, for `more`.
std::string field(unsigned tag, std::string_view bytes);
std::string time_field(unsigned tag, std::int64_t seconds, std::int64_t nanoseconds = 0);

/// A pod that differs with `version`, and its key.
inline constexpr const char* kPod = "/registry/pods/default/p";
std::string pod(int version);

/// A cluster as small as they come, with one of every kind of key; 12 objects, 5 internal keys, one deleted object.
void populate(Database& database);

}  // namespace kine
