#include "verifier/kine/sqlite.hpp"

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "verifier/kine/foreign_text.hpp"

namespace verifier {
namespace {

constexpr int kCellLimitBytes = 64 << 20;  // the API server refuses objects far below this
// Virtual machine steps between looks at the cancel flag and the clock: one step may copy a cell of the largest size.
constexpr int kProgressInterval = 1'000;
constexpr int kSchemaSteps = 8'000;  // it takes about eight to read an entry of the schema; kine makes seven entries
constexpr std::uint64_t kSlowestBytesPerSecond = 2 << 20;
constexpr std::chrono::seconds kLeastPatience{60};
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

// What an index, a generated column or a CHECK of a foreign schema may call: nothing that takes more than one look at
// its arguments, or makes large ones. instr() of two large cells alone takes longer than a night.
constexpr std::string_view kQuickFunctions[] = {"abs", "avg", "coalesce", "count",  "hex", "ifnull", "iif",   "length",
                                                "max", "min", "nullif",   "substr", "sum", "total",  "typeof"};

void refuse_call(sqlite3_context* context, int, sqlite3_value**) {
  sqlite3_result_error(context, "the schema calls a function that is not allowed here", -1);
}

void remove_functions(sqlite3* handle) {
  std::set<std::string, std::less<>> names;
  const auto collect = [](void* set, int, char** values, char**) {
    static_cast<decltype(names)*>(set)->insert(values[0]);
    return 0;
  };
  int code = sqlite3_exec(handle, "PRAGMA function_list", collect, &names, nullptr);
  for (const std::string_view quick : kQuickFunctions) names.erase(std::string(quick));
  for (const std::string& name : names)
    if (code == SQLITE_OK)
      code = sqlite3_create_function_v2(handle, name.c_str(), -1, SQLITE_UTF8, nullptr, refuse_call, nullptr, nullptr,
                                        nullptr);
  if (code == SQLITE_OK) code = sqlite3_drop_modules(handle, nullptr);
  if (code != SQLITE_OK) fail(handle, code, "opening the database");
}

// SQLite reads the whole schema before its first query, and takes quadratic time and much memory for a large one.
// Whatever else is wrong with it, the first query will say.
void load_schema(sqlite3* handle) {
  bool too_large = false;
  const auto stop = [](void* flag) {
    *static_cast<bool*>(flag) = true;
    return 1;
  };
  sqlite3_progress_handler(handle, kSchemaSteps, stop, &too_large);
  sqlite3_exec(handle, "SELECT 1 FROM sqlite_schema LIMIT 1", nullptr, nullptr, nullptr);
  sqlite3_progress_handler(handle, 0, nullptr, nullptr);
  if (too_large)
    throw core::Error(core::ErrorKind::damaged, "the schema has hundreds of entries, of which kine makes seven");
}

void set(sqlite3* handle, const char* pragma) {
  const int code = sqlite3_exec(handle, pragma, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(handle, code, "opening the database");
}

void restrict(sqlite3* handle) {
  constexpr std::pair<int, int> switches[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
      {SQLITE_DBCONFIG_ENABLE_VIEW, 0}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
  };
  for (const auto& [option, value] : switches) sqlite3_db_config(handle, option, value, nullptr);
  // kine's own statements are shorter than 500 bytes, its table has nine columns.
  constexpr std::pair<int, int> limits[] = {
      {SQLITE_LIMIT_LENGTH, kCellLimitBytes}, {SQLITE_LIMIT_SQL_LENGTH, 64 << 10},     {SQLITE_LIMIT_COLUMN, 200},
      {SQLITE_LIMIT_EXPR_DEPTH, 50},          {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100}, {SQLITE_LIMIT_ATTACHED, 0},
      {SQLITE_LIMIT_TRIGGER_DEPTH, 0},        {SQLITE_LIMIT_WORKER_THREADS, 0},
  };
  for (const auto& [limit, value] : limits) sqlite3_limit(handle, limit, value);
  remove_functions(handle);
  // Exclusive locking keeps the WAL index in memory instead of a -shm file; integrity_check would evaluate CHECKs.
  for (const char* pragma : {"PRAGMA temp_store=MEMORY", "PRAGMA cell_size_check=ON", "PRAGMA locking_mode=EXCLUSIVE",
                             "PRAGMA ignore_check_constraints=ON"})
    set(handle, pragma);
}

void forbid_writing(sqlite3* handle) {
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  set(handle, "PRAGMA query_only=ON");
}

std::chrono::milliseconds patience_for_file(const std::filesystem::path& path) {
  std::error_code unknown;
  const auto size_bytes = std::filesystem::file_size(path, unknown);
  return patience_for(unknown ? 0 : size_bytes);
}

}  // namespace

bool has_wal(const std::filesystem::path& database) {
  std::filesystem::path wal = database;
  wal += "-wal";
  std::error_code ignored;
  const auto size_bytes = std::filesystem::file_size(wal, ignored);
  return !ignored && size_bytes > 0;
}

std::chrono::milliseconds patience_for(std::uint64_t size_bytes) {
  return kLeastPatience + std::chrono::seconds(size_bytes / kSlowestBytesPerSecond);
}

struct Database::Limit {
  std::chrono::milliseconds patience;
  std::chrono::steady_clock::time_point end = std::chrono::steady_clock::now() + patience;
};

void Database::fail(int code, std::string_view doing) const {
  if ((code & 0xff) == SQLITE_INTERRUPT && !core::cancel_requested())
    throw core::Error(core::ErrorKind::timeout,
                      std::string(doing) + " took more than " +
                          std::to_string(std::chrono::ceil<std::chrono::seconds>(limit_->patience).count()) +
                          " s, which no database of this size needs: given up");
  verifier::fail(handle_, code, doing);
}

Database::Database(const std::filesystem::path& path) : Database(path, patience_for_file(path)) {}

Database::Database(const std::filesystem::path& path, std::chrono::milliseconds patience)
    : Database(path, patience, Access::read) {}

Database::Database(const std::filesystem::path& path, std::chrono::milliseconds patience, Access access)
    : limit_(std::make_unique<Limit>(Limit{patience})) {
  const bool changes = access == Access::write || has_wal(path);
  const std::string uri = file_uri(path, changes ? "" : "?immutable=1");
  const int flags = (changes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(uri.c_str(), &opened, flags, verbatim_vfs());
  std::unique_ptr<sqlite3, Close> guard(opened);
  if (code != SQLITE_OK) verifier::fail(opened, code, "opening " + path.string());
  restrict(opened);
  if (access == Access::read) forbid_writing(opened);
  load_schema(opened);
  const auto has_to_stop = [](void* limit) {
    const bool late = std::chrono::steady_clock::now() > static_cast<const Limit*>(limit)->end;
    return late || core::cancel_requested() ? 1 : 0;
  };
  sqlite3_progress_handler(opened, kProgressInterval, has_to_stop, limit_.get());
  handle_ = guard.release();
}

Database::Database(Database&& other) noexcept
    : limit_(std::move(other.limit_)), handle_(std::exchange(other.handle_, nullptr)) {}
Database::~Database() { sqlite3_close_v2(handle_); }

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  const int code = sqlite3_prepare_v2(database.handle_, sql.data(), static_cast<int>(sql.size()), &handle_, nullptr);
  if (code != SQLITE_OK) database.fail(code, "reading the schema");
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), handle_(std::exchange(other.handle_, nullptr)) {}
Statement::~Statement() { sqlite3_finalize(handle_); }

void Statement::bind(int parameter, std::string_view text) {
  const int code = sqlite3_bind_text(handle_, parameter, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) database_.fail(code, "preparing a query");
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
  database_.fail(code, "reading the database");
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

Change::Change(const std::filesystem::path& path)
    : path_(path), database_(Database(path, patience_for_file(path), Database::Access::write)) {
  Statement(*database_, "BEGIN IMMEDIATE").step();
}

void Change::commit() {
  Statement(*database_, "COMMIT").step();
  Statement(*database_, "PRAGMA wal_checkpoint(TRUNCATE)").step();
  database_.reset();  // SQLite removes the -wal here, and with exclusive locking has no use for a -shm
  for (const char* suffix : {"-wal", "-shm"}) {
    std::filesystem::path beside = path_;
    beside += suffix;
    std::error_code failure;
    std::filesystem::remove(beside, failure);
    if (failure) throw core::system_error(failure.value(), "removing " + beside.string());
  }
}

std::optional<std::int64_t> query_integer(Database& database, std::string_view sql) {
  Statement statement(database, sql);
  if (!statement.step() || statement.is_null(0)) return std::nullopt;
  return statement.integer(0);
}

}  // namespace verifier
