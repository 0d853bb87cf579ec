#include "verifier/sqlite.hpp"

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "verifier/text.hpp"

namespace verifier {
namespace {

constexpr int kCellLimitBytes = 64 << 20;  // the API server refuses objects far below this
constexpr int kProgressInterval = 20'000;  // virtual machine steps between looks at the cancel flag
constexpr const char* kVfsName = "drill-verbatim";

core::ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_TOOBIG:
    case SQLITE_ERROR:  // our queries are fixed: one that does not compile met a foreign schema
      return core::ErrorKind::damaged;
    case SQLITE_INTERRUPT:
      return core::ErrorKind::cancelled;
    default:
      return core::ErrorKind::storage;
  }
}

[[noreturn]] void fail(sqlite3* handle, int code, std::string_view doing) {
  const std::string text = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  throw core::Error(kind_of(code), std::string(doing) + ": SQLite says: " + printable(text));
}

// The default VFS with one difference: a path is taken as it is. The original resolves symbolic links, and a path below
// /proc/self/fd/N would become a name that means something else, or nothing, in our mount namespace.
const char* verbatim_vfs() {
  static const int registered = [] {
    sqlite3_initialize();
    const sqlite3_vfs* original = sqlite3_vfs_find("unix");
    if (original == nullptr) return SQLITE_ERROR;
    static sqlite3_vfs vfs = *original;
    vfs.zName = kVfsName;
    vfs.pNext = nullptr;
    vfs.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
      const std::size_t length = std::strlen(name);
      if (length >= static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
      std::memcpy(out, name, length + 1);
      return SQLITE_OK;
    };
    return sqlite3_vfs_register(&vfs, 0);
  }();
  if (registered != SQLITE_OK) throw core::Error(core::ErrorKind::storage, "SQLite: no usable unix file layer");
  return kVfsName;
}

std::string file_uri(const std::filesystem::path& path, std::string_view query) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.~";
  std::string uri = "file:";
  for (const char c : path.string()) {
    if (plain.find(c) != std::string_view::npos) {
      uri += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    uri += '%';
    uri += digits[byte >> 4U];
    uri += digits[byte & 15U];
  }
  return uri.append(query);
}

void restrict(sqlite3* handle) {
  constexpr std::pair<int, int> switches[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
      {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
      {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
  };
  for (const auto& [option, value] : switches) sqlite3_db_config(handle, option, value, nullptr);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, kCellLimitBytes);
  sqlite3_progress_handler(
      handle, kProgressInterval, [](void*) { return core::cancel_requested() ? 1 : 0; }, nullptr);
  // Exclusive locking keeps the WAL index in memory instead of a -shm file.
  for (const char* pragma :
       {"PRAGMA temp_store=MEMORY", "PRAGMA cell_size_check=ON", "PRAGMA locking_mode=EXCLUSIVE"}) {
    const int code = sqlite3_exec(handle, pragma, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(handle, code, "opening the database");
  }
}

}  // namespace

bool has_wal(const std::filesystem::path& database) {
  std::filesystem::path wal = database;
  wal += "-wal";
  std::error_code ignored;
  const auto size_bytes = std::filesystem::file_size(wal, ignored);
  return !ignored && size_bytes > 0;
}

Database::Database(const std::filesystem::path& path) {
  const bool with_wal = has_wal(path);
  const std::string uri = file_uri(path, with_wal ? "" : "?immutable=1");
  const int flags = (with_wal ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(uri.c_str(), &opened, flags, verbatim_vfs());
  std::unique_ptr<sqlite3, Close> guard(opened);
  if (code != SQLITE_OK) fail(opened, code, "opening " + path.string());
  restrict(opened);
  handle_ = guard.release();
}

Database::Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
Database::~Database() { sqlite3_close_v2(handle_); }

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  const int code = sqlite3_prepare_v2(database.handle_, sql.data(), static_cast<int>(sql.size()), &handle_, nullptr);
  if (code != SQLITE_OK) fail(database.handle_, code, "reading the schema");
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), handle_(std::exchange(other.handle_, nullptr)) {}
Statement::~Statement() { sqlite3_finalize(handle_); }

void Statement::bind(int parameter, std::string_view text) {
  const int code = sqlite3_bind_text(handle_, parameter, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) fail(database_.handle_, code, "preparing a query");
}

void Statement::bind(int parameter, std::int64_t number) {
  const int code = sqlite3_bind_int64(handle_, parameter, number);
  if (code != SQLITE_OK) fail(database_.handle_, code, "preparing a query");
}

void Statement::reset() { sqlite3_reset(handle_); }

bool Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  fail(database_.handle_, code, "reading the database");
}

bool Statement::is_null(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
bool Statement::is_integer(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_INTEGER; }
bool Statement::is_blob(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_BLOB; }
std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  const int size_bytes = sqlite3_column_bytes(handle_, column);
  if (data == nullptr || size_bytes <= 0) return {};
  return {data, static_cast<std::size_t>(size_bytes)};
}

std::optional<std::int64_t> query_integer(Database& database, std::string_view sql) {
  Statement statement(database, sql);
  if (!statement.step() || statement.is_null(0)) return std::nullopt;
  return statement.integer(0);
}

}  // namespace verifier
