// SQLite, read-only in spirit: the one door to sqlite3.h. Database and Statement each own one handle; a Change is the
// one way to write, and bump_revision.cpp the one who does.
// A snapshot is untrusted bytes, so it is opened defensively: no extensions, no trusted schema, no triggers, views or
// virtual tables, no functions but a few that are quick, every cell size checked, an end to patience.
// Runs below /proc/self/fd/N too, where resolving the path would leave the directory.
// What it does not do: know kine, or touch a stored snapshot (callers hand it a scratch copy).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace verifier {

/// True when a -wal with content lies beside `database`.
bool has_wal(const std::filesystem::path& database);

/// How long SQLite may take for all that is asked of a database of this size: far more than a sound one needs on a slow
/// machine, and an end for one that is made to take forever.
std::chrono::milliseconds patience_for(std::uint64_t size_bytes);

class Database {
 public:
  /// Opens the scratch copy `path`: immutable without a -wal beside it, else read-write so that the WAL counts.
  /// The file itself is left as it is: no checkpoint on close. Throws: damaged, storage, cancelled.
  explicit Database(const std::filesystem::path& path);
  /// With a patience of its own, counted from now; then every query throws: timeout.
  Database(const std::filesystem::path& path, std::chrono::milliseconds patience);
  Database(Database&& other) noexcept;
  Database& operator=(Database&&) = delete;
  ~Database();

 private:
  friend class Statement;
  friend class Change;
  struct Limit;
  enum class Access { read, write };
  Database(const std::filesystem::path& path, std::chrono::milliseconds patience, Access access);
  [[noreturn]] void fail(int code, std::string_view doing) const;

  std::unique_ptr<Limit> limit_;  // SQLite looks at it through its progress handler
  sqlite3* handle_ = nullptr;
};

/// One prepared query. Column numbers count from 0; views live until the next step().
class Statement {
 public:
  /// Throws: damaged (the schema does not fit), storage, timeout, cancelled.
  Statement(Database& database, std::string_view sql);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::int64_t number);
  /// Back to before the first row, with what is bound.
  void reset();

  /// True when there is a row. Throws: damaged, storage, timeout, cancelled.
  bool step();

  bool is_null(int column) const;
  bool is_integer(int column) const;
  bool is_blob(int column) const;
  std::int64_t integer(int column) const;
  /// The bytes of a text or BLOB column as stored, with every NUL in them.
  std::string_view bytes(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

/// One transaction that writes to a scratch copy: whole once it is committed, else not at all.
class Change {
 public:
  /// Throws: damaged, storage (it cannot be written), cancelled.
  explicit Change(const std::filesystem::path& path);

  Database& database() { return *database_; }
  /// Once, and then nothing more. Leaves: one plain file in the journal mode it was in, with what a -wal beside it
  /// held. Throws: storage, timeout, cancelled.
  void commit();

 private:
  std::filesystem::path path_;
  std::optional<Database> database_;
};

/// The single number that `sql` yields; empty when it yields no row. Throws: as Statement.
std::optional<std::int64_t> query_integer(Database& database, std::string_view sql);

}  // namespace verifier
