#include "tests/verifier/damage_tools.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>

namespace damage {
namespace {

class Query {
 public:
  Query(sqlite3* handle, const std::string& sql) : handle_(handle) {
    if (sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) fail(sql);
  }
  Query(const Query&) = delete;
  ~Query() { sqlite3_finalize(statement_); }

  bool step() {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) fail(sqlite3_sql(statement_));
    return code == SQLITE_ROW;
  }
  void bind(int at, std::int64_t number) { sqlite3_bind_int64(statement_, at, number); }
  void bind(int at, std::string_view blob) {
    sqlite3_bind_blob(statement_, at, blob.data(), static_cast<int>(blob.size()), SQLITE_STATIC);
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string bytes(int column) const {
    const void* blob = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return blob == nullptr ? std::string() : std::string(static_cast<const char*>(blob), size);
  }

 private:
  [[noreturn]] void fail(const std::string& sql) const {
    throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle_));
  }
  sqlite3* handle_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

void overwrite(const std::filesystem::path& file, std::uint64_t offset, std::string_view bytes) {
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(offset));
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void flip_bit(const std::filesystem::path& file, std::uint64_t offset, unsigned bit) {
  std::fstream both(file, std::ios::binary | std::ios::in | std::ios::out);
  both.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(both.get() ^ (1 << bit));
  both.seekp(static_cast<std::streamoff>(offset));
  both.put(byte);
}

const LogRow* Log::find(std::int64_t id) const {
  const auto at = std::lower_bound(rows.begin(), rows.end(), id,
                                   [](const LogRow& row, std::int64_t value) { return row.id < value; });
  return at != rows.end() && at->id == id ? &*at : nullptr;
}

Surgery::Surgery(const std::filesystem::path& database) {
  if (sqlite3_open(database.c_str(), &handle_) != SQLITE_OK)
    throw std::runtime_error("cannot open " + database.string());
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  run("PRAGMA synchronous=OFF");
}

Surgery::~Surgery() { sqlite3_close(handle_); }

void Surgery::run(const std::string& sql, const std::vector<std::int64_t>& arguments) {
  if (arguments.empty()) {
    if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle_));
    return;
  }
  Query query(handle_, sql);
  for (std::size_t at = 0; at < arguments.size(); ++at) query.bind(static_cast<int>(at) + 1, arguments[at]);
  while (query.step()) continue;
}

std::string Surgery::bytes(const std::string& sql, std::int64_t argument) {
  Query query(handle_, sql);
  query.bind(1, argument);
  return query.step() ? query.bytes(0) : std::string();
}

void Surgery::write(const std::string& sql, std::string_view blob, std::int64_t argument) {
  Query query(handle_, sql);
  query.bind(1, argument);
  query.bind(2, blob);
  query.step();
}

Log Surgery::log() {
  Log log;
  Query query(handle_,
              "SELECT id, CAST(name AS TEXT), created, deleted, create_revision, prev_revision, length(value) "
              "FROM kine ORDER BY id");
  std::map<std::string, std::size_t> newest;
  while (query.step()) {
    LogRow row{query.number(0),      query.bytes(1),  query.number(2) != 0,
               query.number(3) != 0, query.number(4), query.number(5),
               query.number(6),      false,           false};
    if (row.name == "compact_rev_key") log.compact_revision = row.previous;
    newest[row.name] = log.rows.size();
    log.rows.push_back(std::move(row));
  }
  for (const auto& [name, at] : newest) {
    log.rows[at].newest = true;
    log.rows[at].live = !log.rows[at].deleted;
  }
  if (!log.rows.empty()) log.newest = log.rows.back().id;
  return log;
}

std::int64_t newest_of(const std::filesystem::path& image) {
  sqlite3* handle = nullptr;
  const std::string uri = "file:" + image.string() + "?immutable=1";
  sqlite3_open_v2(uri.c_str(), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
  std::int64_t newest = 0;
  {
    Query query(handle, "SELECT max(id) FROM kine");
    if (query.step()) newest = query.number(0);
  }
  sqlite3_close(handle);
  return newest;
}

const LogRow* draw(Scene& scene, const Log& log, const std::function<bool(const LogRow&)>& fits) {
  std::vector<const LogRow*> fitting;
  for (const LogRow& row : log.rows)
    if (fits(row)) fitting.push_back(&row);
  return fitting.empty() ? nullptr : fitting[scene.below(fitting.size())];
}

bool change_row(Scene& scene, const std::function<bool(const LogRow&, const Log&)>& fits, const std::string& sql) {
  Surgery surgery(scene.database);
  const Log log = surgery.log();
  const LogRow* row = draw(scene, log, [&](const LogRow& one) { return fits(one, log); });
  if (row == nullptr) return false;
  surgery.run(sql, {row->id});
  return true;
}

}  // namespace damage
