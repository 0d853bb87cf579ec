#include "verifier/verify.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>
#include <iterator>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "verifier/bootstrap_check.hpp"
#include "verifier/check.hpp"
#include "verifier/database_checks.hpp"
#include "verifier/file_checks.hpp"
#include "verifier/pass.hpp"
#include "verifier/sqlite.hpp"

namespace verifier {
namespace {

constexpr std::array<std::string_view, 14> kChecksInOrder{
    "file",       "hash",      "sqlite",  "schema",  "revisions", "value-chain", "decode",
    "references", "bootstrap", "secrets", "lineage", "freshness", "census",      "blockers"};

core::Check run_unless(const std::string& obstacle, std::string name, const std::function<void(CheckBuilder&)>& work) {
  return CheckBuilder(std::move(name)).run([&](CheckBuilder& check) {
    if (!obstacle.empty()) return check.skip("skipped: " + obstacle);
    work(check);
  });
}

// What is found beside the pass over the rows, on the other core.
struct Aside {
  std::vector<core::Check> checks;
  Pages pages;
  std::string sha256;
};

class Verifier {
 public:
  Verifier(const Subject& subject, const Progress& progress) : subject_(subject), progress_(progress) {}

  Verification run();

 private:
  Aside look_aside(const std::string& unreadable) const;
  void look_at_rows(const std::string& unreadable);
  void say(std::string_view what) const {
    if (progress_) progress_(what);
  }
  void take(std::vector<core::Check> checks) {
    std::move(checks.begin(), checks.end(), std::back_inserter(result_.checks));
  }

  const Subject& subject_;
  const Progress& progress_;
  Verification result_;
};

Aside Verifier::look_aside(const std::string& unreadable) const {
  Aside aside;
  aside.checks.push_back(run_unless(unreadable, "sqlite", [&](CheckBuilder& check) {
    Database database(subject_.database);
    check_sqlite(database, aside.pages, check);
  }));
  aside.checks.push_back(
      CheckBuilder("hash").run([&](CheckBuilder& check) { aside.sha256 = check_hash(subject_, check); }));
  return aside;
}

void Verifier::look_at_rows(const std::string& unreadable) {
  std::optional<Database> opened;  // by the first check that needs it; when that fails, each check says so for itself
  const auto database = [&]() -> Database& {
    if (!opened) opened.emplace(subject_.database);
    return *opened;
  };
  std::string no_rows = "the rows cannot be read, because check schema did not come to its end";
  result_.checks.push_back(run_unless(unreadable, "schema", [&](CheckBuilder& check) {
    no_rows = check_schema(database(), check) ? "" : "there is no table kine with the columns that kine writes";
  }));
  if (!unreadable.empty()) no_rows = unreadable;
  say("opening the bootstrap row");
  result_.checks.push_back(run_unless(
      no_rows, "bootstrap", [&](CheckBuilder& check) { check_bootstrap(database(), subject_, result_, check); }));
  if (!no_rows.empty()) {
    for (const char* name : {"revisions", "value-chain", "decode"})
      result_.checks.push_back(run_unless(no_rows, name, [](CheckBuilder&) {}));
    return;
  }
  take(check_rows(database(), result_, progress_));
}

Verification Verifier::run() {
  const core::Stopwatch stopwatch;
  std::string unreadable;  // why SQLite is not asked
  result_.checks.push_back(
      CheckBuilder("file").run([&](CheckBuilder& check) { unreadable = check_file(subject_, result_, check); }));
  // A database with a WAL is held by one connection at a time, so that no -shm file is needed.
  const auto policy = has_wal(subject_.database) ? std::launch::deferred : std::launch::async;
  auto beside = std::async(policy, [&] { return look_aside(unreadable); });
  look_at_rows(unreadable);
  say("integrity_check");
  Aside aside = beside.get();
  take(std::move(aside.checks));
  result_.sha256 = std::move(aside.sha256);
  if (aside.pages.count > 0) result_.page_count = aside.pages.count;
  result_.coverage.pages_total = result_.page_count;
  if (aside.pages.all_checked) result_.coverage.pages_checked = result_.page_count;
  const auto place = [](const core::Check& check) {
    return std::find(kChecksInOrder.begin(), kChecksInOrder.end(), check.name);
  };
  std::sort(result_.checks.begin(), result_.checks.end(),
            [&](const core::Check& a, const core::Check& b) { return place(a) < place(b); });
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
