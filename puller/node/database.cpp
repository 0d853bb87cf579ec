#include "puller/node/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "puller/node/problem.hpp"

namespace node {
namespace {

constexpr int kBusyMilliseconds = 30000;
constexpr int kCacheKibibytes = 256;  // pages are read once, in order

// What tells that a file was written to, or is another one.
struct FileState {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  timespec modified{};
  bool wal = false;

  bool operator==(const FileState& other) const {
    return device == other.device && inode == other.inode && size == other.size && wal == other.wal &&
           modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
  }
};

FileState look_at(const std::filesystem::path& database) {
  struct stat file {};
  FileState state;
  if (::stat(database.c_str(), &file) == 0) state = {file.st_dev, file.st_ino, file.st_size, file.st_mtim, false};
  state.wal = ::access((database.string() + "-wal").c_str(), F_OK) == 0;
  return state;
}

std::string as_uri(const std::filesystem::path& database, std::string_view options) {
  std::string uri = "file:";
  for (const char c : database.string()) {
    if (c == '?' || c == '#' || c == '%')
      uri += fmt::format("%{:02x}", static_cast<unsigned>(c));
    else
      uri += c;
  }
  return uri + std::string(options);
}

}  // namespace

std::string_view sqlite_version() { return sqlite3_libversion(); }

struct ReadTransaction::State {
  std::filesystem::path path;
  FileState before;
  sqlite3* handle = nullptr;
  sqlite3_stmt* one_page = nullptr;

  ~State() { close(); }

  void close() {
    sqlite3_finalize(one_page);
    sqlite3_close(handle);
    one_page = nullptr;
    handle = nullptr;
  }

  [[noreturn]] void fail() const { throw Problem(fmt::format("copy_failed {}", sqlite3_errmsg(handle))); }

  void execute(const char* sql) const {
    if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }

  sqlite3_stmt* prepare(const char* sql) const {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr) != SQLITE_OK) fail();
    return statement;
  }

  std::uint32_t number(const char* pragma) const {
    sqlite3_stmt* statement = prepare(pragma);
    const bool row = sqlite3_step(statement) == SQLITE_ROW;
    const auto value = static_cast<std::uint32_t>(row ? sqlite3_column_int64(statement, 0) : 0);
    sqlite3_finalize(statement);
    if (value == 0) fail();
    return value;
  }
};

// Without a WAL k3s was stopped cleanly. An ordinary read-only connection would then make a -wal and a -shm that it
// cannot take away again; an immutable one makes nothing, takes no lock, and is told apart from k3s starting meanwhile
// by what the file looks like at the end.
ReadTransaction::ReadTransaction(const std::filesystem::path& database) : state_(std::make_unique<State>()) {
  state_->path = database;
  state_->before = look_at(database);
  const std::string uri = as_uri(database, state_->before.wal ? "?mode=ro" : "?mode=ro&immutable=1");
  if (sqlite3_open_v2(uri.c_str(), &state_->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr) != SQLITE_OK)
    state_->fail();
  sqlite3_busy_timeout(state_->handle, kBusyMilliseconds);
  sqlite3_db_config(state_->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  state_->execute(
      fmt::format("PRAGMA cache_size=-{}; BEGIN; SELECT count(*) FROM sqlite_schema", kCacheKibibytes).c_str());
  page_size_bytes_ = state_->number("PRAGMA page_size");
  page_count_ = state_->number("PRAGMA page_count");
  state_->one_page = state_->prepare("SELECT data FROM sqlite_dbpage WHERE pgno = ?1");
}

ReadTransaction::~ReadTransaction() = default;

void ReadTransaction::for_each_page(const std::function<void(std::uint32_t, std::string_view)>& visit) {
  struct Finalize {
    sqlite3_stmt* statement;
    ~Finalize() { sqlite3_finalize(statement); }
  } const all{state_->prepare("SELECT pgno, data FROM sqlite_dbpage")};
  std::uint32_t expected = 0;
  int result = 0;
  while ((result = sqlite3_step(all.statement)) == SQLITE_ROW) {
    const auto number = static_cast<std::uint32_t>(sqlite3_column_int64(all.statement, 0));
    const auto* data = static_cast<const char*>(sqlite3_column_blob(all.statement, 1));
    if (number != ++expected || sqlite3_column_bytes(all.statement, 1) != static_cast<int>(page_size_bytes_))
      throw Problem(fmt::format("copy_failed page {} cannot be read", expected));
    visit(number, {data, page_size_bytes_});
  }
  if (result != SQLITE_DONE) state_->fail();
  if (expected != page_count_) throw Problem("copy_failed the database has fewer pages than it says");
}

std::string_view ReadTransaction::page(std::uint32_t number) {
  sqlite3_reset(state_->one_page);
  sqlite3_bind_int64(state_->one_page, 1, number);
  if (sqlite3_step(state_->one_page) != SQLITE_ROW ||
      sqlite3_column_bytes(state_->one_page, 0) != static_cast<int>(page_size_bytes_))
    throw Problem(fmt::format("copy_failed page {} cannot be read: {}", number, sqlite3_errmsg(state_->handle)));
  return {static_cast<const char*>(sqlite3_column_blob(state_->one_page, 0)), page_size_bytes_};
}

void ReadTransaction::end() {
  state_->close();
  if (!state_->before.wal && look_at(state_->path) != state_->before)
    throw Problem("copy_failed k3s started while its database was being read; pull again");
}

}  // namespace node
