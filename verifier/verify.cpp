#include "verifier/verify.hpp"

#include <filesystem>
#include <future>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "verifier/bootstrap_check.hpp"
#include "verifier/check.hpp"
#include "verifier/database_checks.hpp"
#include "verifier/decode_check.hpp"
#include "verifier/file_checks.hpp"
#include "verifier/sqlite.hpp"

namespace verifier {
namespace {

class Verifier {
 public:
  Verifier(const Subject& subject, const Progress& progress) : subject_(subject), progress_(progress) {}

  Verification run();

 private:
  // Runs `work` as check `name`, unless an earlier check has found why there is nothing to look at.
  void run_check(std::string name, const std::string& obstacle, const std::function<void(CheckBuilder&)>& work);
  struct HashCheck {
    core::Check check;
    std::string sha256;
  };
  HashCheck hash_check() const {
    HashCheck result;
    result.check = CheckBuilder("hash").run([&](CheckBuilder& check) { result.sha256 = check_hash(subject_, check); });
    return result;
  }
  void say(std::string_view what) const {
    if (progress_) progress_(what);
  }
  // Opened by the first check that needs it; when that fails, each check says so for itself.
  Database& database() {
    if (!database_) database_.emplace(subject_.database);
    return *database_;
  }

  const Subject& subject_;
  const Progress& progress_;
  Verification result_;
  std::optional<Database> database_;
};

void Verifier::run_check(std::string name, const std::string& obstacle,
                         const std::function<void(CheckBuilder&)>& work) {
  const auto guarded = [&](CheckBuilder& check) {
    if (!obstacle.empty()) return check.skip("skipped: " + obstacle);
    work(check);
  };
  result_.checks.push_back(CheckBuilder(std::move(name)).run(guarded));
}

Verification Verifier::run() {
  const core::Stopwatch stopwatch;
  std::string unreadable;  // why SQLite is not asked
  run_check("file", {}, [&](CheckBuilder& check) { unreadable = check_file(subject_, result_, check); });
  // Reads the file on its own beside the others; they are bound by SQLite, not by the disk.
  auto hash = std::async(std::launch::async | std::launch::deferred, [this] { return hash_check(); });
  say("integrity_check");
  result_.coverage.pages_total = result_.page_count;
  run_check("sqlite", unreadable, [&](CheckBuilder& check) { check_sqlite(database(), result_, check); });
  std::string no_rows = "the rows cannot be read, because check schema did not come to its end";
  run_check("schema", unreadable, [&](CheckBuilder& check) {
    no_rows = check_schema(database(), check) ? "" : "there is no table kine with the columns that kine writes";
  });
  if (!unreadable.empty()) no_rows = unreadable;
  say("opening the bootstrap row");
  std::optional<OpenedBootstrap> bootstrap;
  run_check("bootstrap", no_rows,
            [&](CheckBuilder& check) { bootstrap = check_bootstrap(database(), subject_, core::utc_now(), check); });
  result_.secrets_encryption = bootstrap && bootstrap->secrets_encryption;
  run_check("decode", no_rows, [&](CheckBuilder& check) { check_decode(database(), result_, check, progress_); });
  std::swap(result_.checks.back(), result_.checks[result_.checks.size() - 2]);  // reported behind the rows
  say("hashing the file");
  HashCheck hashed = hash.get();
  result_.sha256 = std::move(hashed.sha256);
  result_.checks.insert(result_.checks.begin() + 1, std::move(hashed.check));
  result_.duration = stopwatch.elapsed();
  return std::move(result_);
}

}  // namespace

Verification verify(const Subject& subject, const Progress& progress) {
  std::error_code failure;
  if (!subject.damage && !std::filesystem::exists(subject.database, failure) && !failure)
    throw core::Error(core::ErrorKind::not_found, subject.database.string() + ": no such file");
  return Verifier(subject, progress).run();
}

}  // namespace verifier
