#include "cli/stored_copy.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/logging.hpp"
#include "drill/engine/engine.hpp"
#include "store/limits.hpp"

namespace cli {

namespace {

// Sound it may be, and it may be just what is asked for; but it is not what its name says.
void warn_of_another_cluster(verifier::Verification& verification) {
  for (core::Check& check : verification.checks)
    if (check.name == "lineage")
      check.findings.push_back({core::Severity::warning,
                                "it is of another cluster than the series, and compared with no snapshot of that",
                                {},
                                {}});
}

StoredCopy copy_whole(store::Store& store, const store::Snapshot& snapshot) {
  if (snapshot.unreadable) throw *snapshot.unreadable;
  StoredCopy copy{core::ScratchDir(), snapshot.full_name(), {}};
  if (snapshot.manifest.find(store::kTokenFile) != nullptr) {
    try {
      copy.token = verifier::parse_token(
          core::Secret::taken_from(core::read_regular_file(snapshot.file(store::kTokenFile), store::kSmallFileBytes)));
    } catch (const core::Error& error) {
      if (error.kind() != core::ErrorKind::not_found) throw;
      throw core::Error(core::ErrorKind::damaged, error.what());
    }
  }
  const store::BundleFile* database = snapshot.manifest.find(store::kDatabaseFile);
  copy.scratch.filled_with(database != nullptr ? database->size_bytes : 0,
                           [&] { store.extract(snapshot, copy.database()); });
  return copy;
}

}  // namespace

void unless_removed(const store::Snapshot& snapshot, const std::function<void()>& read) {
  try {
    read();
  } catch (const core::Error& error) {
    std::error_code none;
    const bool is_gone = !std::filesystem::exists(snapshot.directory, none) && !none &&
                         std::filesystem::exists(snapshot.directory.parent_path(), none);
    if (!is_gone || error.kind() == core::ErrorKind::cancelled) throw;
    throw SnapshotRemoved(snapshot);
  }
}

StoredCopy copy_stored(store::Store& store, const store::Snapshot& snapshot) {
  std::optional<StoredCopy> copy;
  unless_removed(snapshot, [&] { copy.emplace(copy_whole(store, snapshot)); });
  return std::move(*copy);
}

std::filesystem::path copy_plain(const std::filesystem::path& database, const core::ScratchDir& scratch) {
  const std::filesystem::path copy = scratch.path() / store::kDatabaseFile;
  std::error_code none;  // what is wrong with the file is said by who copies it
  std::uint64_t size_bytes = 0;
  for (const std::string& file : {database.string(), database.string() + "-wal"})
    if (const std::uintmax_t size = std::filesystem::file_size(file, none); !none) size_bytes += size;
  scratch.filled_with(size_bytes, [&] { drill::copy_database(database, copy); });
  return copy;
}

void keep_or_warn(const std::string& snapshot, const std::function<void()>& keep) {
  try {
    keep();
  } catch (...) {
    const core::Error error = core::caught();
    if (error.kind() == core::ErrorKind::cancelled) throw;
    core::log_warning(fmt::format("{}: the proof is not kept with it: {}", snapshot, error.what()));
  }
}

reports::VerifyOutcome StoredVerifier::verify(std::size_t index, const verifier::Progress& progress) {
  const store::Snapshot& snapshot = snapshots_[index];
  reports::VerifyOutcome outcome;
  outcome.name = snapshot.full_name();
  if (!snapshot.damage) outcome.taken_at = snapshot.manifest.taken_at;
  outcome.started_at = core::utc_now();
  verifier::Subject subject;
  subject.taken_at = outcome.taken_at;
  subject.previous = previous_of(index);
  if (const store::BundleFile* database = snapshot.manifest.find(store::kDatabaseFile))
    subject.captured_sha256 = database->sha256;
  std::optional<StoredCopy> copy;
  try {
    copy.emplace(copy_stored(store_, snapshot));
    subject.database = copy->database();
    subject.token = copy->token;
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged) throw;
    subject.damage = error.what();
    bad_.push_back(outcome.name);
  }
  outcome.verification = verifier::verify(subject, progress);
  while (outcome.verification.previous_is_damaged) {
    bad_.push_back(subject.previous->name);
    subject.previous = previous_of(index);
    if (!subject.previous) break;
    verifier::verify_in_series(subject, outcome.verification);
  }
  if (snapshot.of_another_cluster) warn_of_another_cluster(outcome.verification);
  keep_or_warn(outcome.name,
               [&] { store_.keep_evidence(snapshot, store::Evidence::verify, reports::verify_json(outcome)); });
  if (copy) {
    copy_.reset();
    copy_.emplace(std::move(*copy));
  }
  return outcome;
}

// The newest earlier one of the same cluster that can be brought back, and was not found damaged.
std::optional<verifier::Previous> StoredVerifier::previous_of(std::size_t index) {
  const auto taken = [&] { return verifier::Previous{copy_->name, copy_->database(), copy_->token}; };
  const store::Snapshot& later = snapshots_[index];
  while (index-- > 0) {
    const store::Snapshot& snapshot = snapshots_[index];
    if (!store::are_of_one_cluster(snapshot, later)) continue;
    const std::string name = snapshot.full_name();
    if (snapshot.unreadable) core::log_warning("not compared with " + name + ": " + snapshot.unreadable->what());
    if (snapshot.lost || std::find(bad_.begin(), bad_.end(), name) != bad_.end()) continue;
    if (copy_ && copy_->name == name) return taken();
    copy_.reset();
    try {
      copy_.emplace(copy_stored(store_, snapshot));
      return taken();
    } catch (const core::Error& error) {
      if (error.kind() == core::ErrorKind::cancelled) throw;
      const std::string what = "not compared with " + name + ": " + error.what();
      const bool of_that_one =
          error.kind() == core::ErrorKind::damaged || dynamic_cast<const SnapshotRemoved*>(&error) != nullptr;
      of_that_one ? core::log_debug(what) : core::log_warning(what);
      if (!of_that_one) return std::nullopt;  // our trouble is the same with the next
      bad_.push_back(name);
    }
  }
  return std::nullopt;
}

}  // namespace cli
