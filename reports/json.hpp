// The contract's JSON documents, as text. One function per schema; fields and meanings: docs/json.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/verdict.hpp"
#include "drill/drill.hpp"
#include "puller/pull.hpp"
#include "reports/evidence.hpp"
#include "store/retention.hpp"
#include "store/store.hpp"
#include "verifier/verify.hpp"

namespace reports {

/// One cluster's pull: a report, or the error that kept it from being one.
struct PullOutcome {
  std::string cluster;
  std::optional<puller::PullReport> report;
  std::string error;
  std::optional<core::ErrorKind> error_kind;
  std::size_t retained = 0;     // snapshots in the store afterwards
  std::string another_cluster;  // what is wrong when it is not the series' cluster that was pulled; else empty
  std::string retention_error;  // why older ones that should go are still there; else empty
};

/// One that was not pulled is inconclusive, as is one after which retention failed; one that is of another cluster than
/// its series is a fail.
core::Verdict verdict_of(const PullOutcome& outcome);

std::string pull_json(const std::vector<PullOutcome>& outcomes);  // k3s-drill/pull/1

struct VerifyOutcome {
  std::string name;
  std::optional<core::UtcTime> taken_at;
  core::UtcTime started_at;
  verifier::Verification verification;
};

std::string verify_json(const VerifyOutcome& outcome);                     // k3s-drill/verify/1
std::string verify_list_json(const std::vector<VerifyOutcome>& outcomes);  // k3s-drill/verify-list/1, for several

/// Many snapshots verified at once. Of their verifications only what they say is kept, not the objects.
struct VerifyAllOutcome {
  std::vector<VerifyOutcome> outcomes;  // by cluster, oldest first
  std::size_t workers = 1;
  std::chrono::nanoseconds duration{0};
};

std::string verify_all_json(const VerifyAllOutcome& outcome);  // k3s-drill/verify-all/1

std::string run_json(const std::string& cluster, const drill::DrillReport& report);  // k3s-drill/run/2
std::string not_run_json(const std::string& cluster, const core::Error& error);      // in place of one, in a list
std::string run_list_json(const std::vector<std::string>& documents);               // k3s-drill/run-list/1, for several
std::string list_json(const std::vector<store::Snapshot>& snapshots);               // k3s-drill/list/1
std::string show_json(const store::Snapshot& snapshot, const ProofDetails& proof);  // k3s-drill/show/2

struct ExtractOutcome {
  std::string snapshot;
  std::filesystem::path file;
  core::CopiedFile written;
  std::chrono::nanoseconds duration{0};
};

std::string extract_json(const ExtractOutcome& outcome);  // k3s-drill/extract/1

/// One file that was to be adopted.
struct ImportOutcome {
  std::filesystem::path path;
  std::string snapshot;  // empty when the file was refused before it had a name
  bool already_there = false;
  bool of_another_cluster = false;  // than the series: kept beside it
  std::optional<core::Error> refusal;

  std::string_view verdict() const { return refusal ? "refused" : already_there ? "already_there" : "imported"; }
};

std::string import_json(const std::string& cluster, const std::vector<ImportOutcome>& outcomes);  // k3s-drill/import/1

struct PruneOutcome {
  std::string cluster;
  std::vector<store::RetentionDecision> decisions;
};

enum class PruneMode { dry_run, done };

std::string prune_json(const std::vector<PruneOutcome>& outcomes, PruneMode mode);  // k3s-drill/prune/1

/// A warning is to be known and leaves the exit code alone.
enum class DoctorVerdict { pass, warning, fail };

std::string_view to_string(DoctorVerdict verdict);

struct DoctorLine {
  std::string subject;
  DoctorVerdict verdict = DoctorVerdict::pass;
  std::string message;  // what is there, or what is wrong
  std::string cure;     // of a failing line whose message does not say it
};

std::string doctor_json(const std::vector<DoctorLine>& lines);  // k3s-drill/doctor/1

}  // namespace reports
