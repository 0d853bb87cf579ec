#include "verifier/verify.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>
#include <iterator>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "verifier/checks/bootstrap_check.hpp"
#include "verifier/checks/census_check.hpp"
#include "verifier/checks/check.hpp"
#include "verifier/checks/database_checks.hpp"
#include "verifier/checks/file_checks.hpp"
#include "verifier/checks/freshness_check.hpp"
#include "verifier/checks/lineage_check.hpp"
#include "verifier/kine/rows.hpp"
#include "verifier/kine/sqlite.hpp"
#include "verifier/pass.hpp"

namespace verifier {
namespace {

constexpr std::array<std::string_view, 14> kChecksInOrder{
    "file",       "hash",      "sqlite",  "schema",  "revisions", "value-chain", "decode",
    "references", "bootstrap", "secrets", "lineage", "freshness", "census",      "blockers"};

constexpr std::string_view kNoPrevious = "skipped: there is no earlier snapshot to compare with";

core::Check run_unless(const std::string& obstacle, std::string name, const std::function<void(CheckBuilder&)>& work) {
  return CheckBuilder(std::move(name)).run([&](CheckBuilder& check) {
    if (!obstacle.empty()) return check.skip("skipped: " + obstacle);
    work(check);
  });
}

// What the snapshot before says: check `lineage`, and what check `census` counts against.
struct Comparison {
  core::Check lineage;
  std::optional<KeyCensus> previous_census;
  std::string previous_damage;  // why it says nothing of a later one; empty when it does
};

// What SQLite finds in `previous`, or what of it cannot be read that a comparison reads; empty when it is sound.
std::string damage_of(const Previous& previous) {
  const core::Check found = CheckBuilder("previous").run([&](CheckBuilder& check) {
    Database database(previous.database);
    if (!check_schema(database, check)) return;
    Pages pages;
    check_sqlite(database, pages, check);
    for (RowScan rows(database); rows.next();) continue;
    read_key_census(database);
    open_bootstrap(database, previous.token);
  });
  if (found.verdict != core::CheckVerdict::fail) return {};
  return std::find_if(found.findings.begin(), found.findings.end(),
                      [](const core::Finding& finding) { return finding.severity == core::Severity::error; })
      ->message;
}

Comparison compare_with_previous(const Subject& subject, const std::string& obstacle) {
  Comparison comparison;
  comparison.lineage = run_unless(obstacle, "lineage", [&](CheckBuilder& check) {
    if (!subject.previous) return check.skip(std::string(kNoPrevious), core::Severity::note);
    Database database(subject.database);
    Database previous(subject.previous->database);
    check_lineage(database, previous, subject.previous->name, check);
    comparison.previous_census = read_key_census(previous);
    if (same_sealed_rows(database, previous)) return;
    const auto bootstrap = open_bootstrap(database, subject.token);
    const auto earlier = open_bootstrap(previous, subject.previous->token);
    if (bootstrap && earlier && bootstrap->ca_sha256 != earlier->ca_sha256)
      check.warning("the cluster's CA is another one than in " + subject.previous->name + ": it was rotated");
  });
  // Before this one is blamed for a difference, the other is looked at as a whole; where there is none, that is saved.
  if (subject.previous && comparison.lineage.verdict == core::CheckVerdict::fail)
    comparison.previous_damage = damage_of(*subject.previous);
  if (comparison.previous_damage.empty()) return comparison;
  comparison.previous_damage =
      "skipped: " + subject.previous->name + " is damaged itself: " + comparison.previous_damage;
  comparison.lineage = CheckBuilder("lineage").run(
      [&](CheckBuilder& check) { check.skip(comparison.previous_damage, core::Severity::note); });
  return comparison;
}

// Checks `lineage`, `freshness` and `census` of what was found in the rows.
std::vector<core::Check> place_in_series(const Subject& subject, const Verification& found, Comparison comparison,
                                         const std::string& obstacle) {
  std::vector<core::Check> checks{std::move(comparison.lineage)};
  checks.push_back(run_unless(obstacle, "freshness", [&](CheckBuilder& check) {
    check_freshness(found.newest_change, subject.taken_at, subject.now.value_or(core::utc_now()), check);
  }));
  checks.push_back(run_unless(obstacle, "census", [&](CheckBuilder& check) {
    if (!subject.previous) return check.skip(std::string(kNoPrevious), core::Severity::note);
    if (!comparison.previous_damage.empty()) return check.skip(comparison.previous_damage, core::Severity::note);
    if (!comparison.previous_census) return check.skip("skipped: " + subject.previous->name + " cannot be counted");
    check_census(key_census_of(found.objects), *comparison.previous_census, subject.previous->name, check);
  }));
  return checks;
}

// What is found beside the pass over the rows, on the other core.
struct Aside {
  std::vector<core::Check> checks;
  Pages pages;
  std::string sha256;
  Comparison comparison;
};

class Verifier {
 public:
  Verifier(const Subject& subject, const Progress& progress) : subject_(subject), progress_(progress) {}

  Verification run();

 private:
  void look_at_file();
  void look_at_schema();
  void look_at_rows();
  Aside look_aside() const;
  void take(Aside aside);
  void add(std::string name, const std::string& obstacle, const std::function<void(CheckBuilder&)>& work) {
    result_.checks.push_back(run_unless(obstacle, std::move(name), work));
  }
  void say(std::string_view what) const {
    if (progress_) progress_(what);
  }

  const Subject& subject_;
  const Progress& progress_;
  Verification result_;
  std::string unreadable_;  // why SQLite is not asked
  std::string no_rows_;     // why rows are not read
};

void Verifier::look_at_file() {
  add("file", {}, [&](CheckBuilder& check) { unreadable_ = check_file(subject_, result_, check); });
}

void Verifier::look_at_schema() {
  no_rows_ = "the rows cannot be read, because check schema did not come to its end";
  add("schema", unreadable_, [&](CheckBuilder& check) {
    Database database(subject_.database);
    no_rows_ = check_schema(database, check) ? "" : "there is no table kine with the columns that kine writes";
  });
  if (!unreadable_.empty()) no_rows_ = unreadable_;
}

Aside Verifier::look_aside() const {
  Aside aside;
  aside.checks.push_back(run_unless(unreadable_, "sqlite", [&](CheckBuilder& check) {
    Database database(subject_.database);
    check_sqlite(database, aside.pages, check);
  }));
  aside.checks.push_back(
      run_unless({}, "hash", [&](CheckBuilder& check) { aside.sha256 = check_hash(subject_, check); }));
  aside.comparison = compare_with_previous(subject_, no_rows_);
  return aside;
}

void Verifier::look_at_rows() {
  std::optional<Database> opened;  // by the first check that needs it; when that fails, each check says so for itself
  const auto database = [&]() -> Database& {
    if (!opened) opened.emplace(subject_.database);
    return *opened;
  };
  const core::UtcTime now = core::utc_now();  // a restore happens now, whatever the age of the snapshot
  std::optional<OpenedBootstrap> bootstrap;
  add("bootstrap", no_rows_,
      [&](CheckBuilder& check) { bootstrap = check_bootstrap(database(), subject_, now, check); });
  if (bootstrap) {
    result_.secrets_encryption = bootstrap->secrets_encryption;
    result_.ca_sha256 = bootstrap->ca_sha256;
    result_.service_account_keys = bootstrap->service_account_keys;
  }
  if (no_rows_.empty()) {
    std::vector<core::Check> checks =
        check_rows(database(), subject_, bootstrap ? &*bootstrap : nullptr, now, result_, progress_);
    std::move(checks.begin(), checks.end(), std::back_inserter(result_.checks));
    return;
  }
  for (const char* name : {"revisions", "value-chain", "decode", "references", "secrets", "blockers"})
    add(name, no_rows_, [](CheckBuilder&) {});
}

void Verifier::take(Aside aside) {
  std::move(aside.checks.begin(), aside.checks.end(), std::back_inserter(result_.checks));
  result_.sha256 = std::move(aside.sha256);
  if (aside.pages.count > 0) result_.page_count = aside.pages.count;
  result_.coverage.pages_total = result_.page_count;
  if (aside.pages.all_checked) result_.coverage.pages_checked = result_.page_count;
}

Verification Verifier::run() {
  const core::Stopwatch stopwatch;
  look_at_file();
  look_at_schema();
  // A database with a WAL is held by one connection at a time, so that no -shm file is needed.
  const auto policy = has_wal(subject_.database) ? std::launch::deferred : std::launch::async;
  std::future<Aside> beside = std::async(policy, [this] { return look_aside(); });
  look_at_rows();
  say("integrity_check");
  Aside aside = beside.get();
  result_.previous_is_damaged = !aside.comparison.previous_damage.empty();
  std::vector<core::Check> checks = place_in_series(subject_, result_, std::move(aside.comparison), no_rows_);
  std::move(checks.begin(), checks.end(), std::back_inserter(result_.checks));
  take(std::move(aside));
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

void verify_in_series(const Subject& subject, Verification& verification) {
  const std::string obstacle = verification.rows.total > 0 ? "" : "the rows were not read";
  Comparison comparison = compare_with_previous(subject, obstacle);
  verification.previous_is_damaged = !comparison.previous_damage.empty();
  for (core::Check& check : place_in_series(subject, verification, std::move(comparison), obstacle)) {
    const auto place = std::find_if(verification.checks.begin(), verification.checks.end(),
                                    [&](const core::Check& old) { return old.name == check.name; });
    if (place != verification.checks.end()) *place = std::move(check);
  }
}

}  // namespace verifier
