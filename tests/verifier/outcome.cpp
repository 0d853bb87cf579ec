#include "tests/verifier/outcome.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <stdexcept>

#include "core/error.hpp"
#include "core/scratch_dir.hpp"

namespace damage {
namespace {

bool needs_previous(const std::string& check) { return check == "lineage" || check == "census"; }

verifier::Subject subject_of(const Stage& stage, const Scene& scene) {
  verifier::Subject subject;
  subject.database = scene.database;
  subject.token = scene.token;
  subject.taken_at = scene.taken_at;
  subject.now = scene.taken_at;  // however old the cluster of the test is by now
  subject.captured_sha256 = stage.sha256;
  if (!scene.previous.empty()) subject.previous = verifier::Previous{"before", scene.previous, stage.token};
  return subject;
}

}  // namespace

void prepare(Stage& stage) {
  verifier::Subject subject{stage.database, stage.token, {}};
  stage.taken_at = verifier::verify(subject).newest_change;
  subject.taken_at = stage.taken_at;
  if (!stage.previous.empty()) subject.previous = verifier::Previous{"before", stage.previous, stage.token};
  const verifier::Verification result = verifier::verify(subject);
  stage.sha256 = result.sha256;
  for (const core::Check& check : result.checks)
    for (const core::Finding& finding : check.findings) {
      if (check.verdict == core::CheckVerdict::fail)
        throw std::runtime_error("not sound to begin with: " + check.name + ": " + finding.message);
      stage.said.emplace(check.name, finding.message);
    }
}

bool sqlite_finds(const std::filesystem::path& database, const std::string& pragma) {
  const bool wal = std::filesystem::exists(database.string() + "-wal");
  const std::string uri = "file:" + database.string() + (wal ? "" : "?immutable=1");
  sqlite3* handle = nullptr;
  sqlite3_stmt* statement = nullptr;
  bool sound =
      sqlite3_open_v2(uri.c_str(), &handle, (wal ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_URI,
                      nullptr) == SQLITE_OK;
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sound = sound && sqlite3_prepare_v2(handle, ("PRAGMA " + pragma).c_str(), -1, &statement, nullptr) == SQLITE_OK &&
          sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != nullptr &&
          std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0))) == "ok";
  sqlite3_finalize(statement);
  sqlite3_close(handle);
  return !sound;
}

Outcome look(const Stage& stage, const verifier::Subject& subject) {
  Outcome outcome;
  outcome.applied = true;
  verifier::Verification result;
  try {
    result = verifier::verify(subject);
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::not_found) throw;
    outcome.content = outcome.previous = outcome.hash = true;
    outcome.found_by = "no file";
    return outcome;
  }
  std::string warning;
  for (const core::Check& check : result.checks) {
    for (const core::Finding& finding : check.findings)
      if (finding.severity == core::Severity::warning && check.verdict != core::CheckVerdict::skipped &&
          stage.said.count({check.name, finding.message}) == 0) {
        if (warning.empty()) warning = check.name;
        outcome.warned_alone = outcome.warned_alone || !needs_previous(check.name);
      }
    if (check.verdict != core::CheckVerdict::fail) continue;
    if (check.name == "hash") {
      outcome.hash = true;
      continue;
    }
    (needs_previous(check.name) ? outcome.previous : outcome.content) = true;
    if (outcome.found_by.empty()) outcome.found_by = check.name;
  }
  outcome.previous = outcome.previous || outcome.content;
  outcome.warned = !warning.empty();
  if (outcome.found_by.empty() && outcome.warned) outcome.found_by = "warning: " + warning;
  if (outcome.found_by.empty() && outcome.hash) outcome.found_by = "hash";
  outcome.hash = outcome.hash || outcome.content;
  return outcome;
}

Outcome check(const Stage& stage, const Damage& damage, std::uint64_t seed) {
  const core::ScratchDir scratch;
  Scene scene;
  scene.database = scratch.path() / "state.db";
  std::filesystem::copy_file(stage.database, scene.database);
  scene.token = stage.token;
  scene.taken_at = stage.taken_at;
  scene.previous = stage.previous;
  scene.other = stage.other;
  scene.random.seed(seed);
  if (!damage.apply(scene)) return {};
  verifier::Subject subject = subject_of(stage, scene);
  if (damage.captured) subject.captured_sha256.reset();
  Outcome outcome = look(stage, subject);
  outcome.quick_check = sqlite_finds(scene.database, "quick_check");
  outcome.integrity_check = sqlite_finds(scene.database, "integrity_check");
  return outcome;
}

bool as_needed(const Damage& damage, const Outcome& outcome) {
  if (!damage.captured && !outcome.hash) return false;
  switch (damage.needs) {
    case Needs::content:
      return outcome.content;
    case Needs::notice:
      return outcome.content || outcome.warned_alone;
    case Needs::previous:
      return outcome.previous;
    case Needs::warning:
      return outcome.previous || outcome.warned;
    case Needs::hash:
    case Needs::nothing:
      return true;
  }
  return false;
}

}  // namespace damage
