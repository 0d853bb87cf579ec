#include "reports/json.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/json_text.hpp"
#include "core/verdict.hpp"
#include "drill/verdict.hpp"
#include "verifier/verdict.hpp"

namespace reports {
namespace {

using json = nlohmann::ordered_json;

// Text from a database or a node may be no UTF-8; it is shown with replacement characters, never thrown on.
template <class Value, class Convert>
json optional_json(const std::optional<Value>& value, Convert&& convert) {
  return value ? json(convert(*value)) : json(nullptr);
}

json findings_json(const std::vector<core::Finding>& findings) {
  json list = json::array();
  for (const core::Finding& finding : findings) {
    json entry = {{"severity", core::to_string(finding.severity)}, {"message", finding.message}};
    if (finding.key) entry["key"] = *finding.key;
    if (finding.revision) entry["revision"] = finding.revision->value;
    list.push_back(std::move(entry));
  }
  return list;
}

json checks_json(const std::vector<core::Check>& checks) {
  json list = json::array();
  for (const core::Check& check : checks)
    list.push_back({{"name", check.name},
                    {"verdict", core::to_string(check.verdict)},
                    {"findings", findings_json(check.findings)},
                    {"duration_seconds", core::to_seconds(check.duration)}});
  return list;
}

json bundle_json(const std::vector<store::BundleFile>& bundle) {
  json list = json::array();
  for (const store::BundleFile& file : bundle)
    list.push_back({{"path", file.path}, {"size_bytes", file.size_bytes}, {"sha256", file.sha256}});
  return list;
}

json node_json(const store::Manifest& manifest) {
  return {{"k3s_version", manifest.k3s_version}, {"arch", manifest.arch}, {"sqlite_version", manifest.sqlite_version}};
}

json identity_json(const core::ClusterIdentity& identity) {
  return {{"kube_system_uid", identity.kube_system_uid}, {"ca_sha256", identity.ca_sha256}};
}

json proof_json(const std::optional<store::Proof>& proof) {
  return optional_json(proof, [](const store::Proof& value) {
    return json{{"verdict", value.verdict}, {"at", core::format_rfc3339(value.at)}};
  });
}

json pull_element(const PullOutcome& outcome) {
  json element = {{"cluster", outcome.cluster},
                  {"snapshot", nullptr},
                  {"verdict", outcome.report ? to_string(verdict_of(outcome)) : "could_not_run"}};
  if (!outcome.report) {
    element["error"] = outcome.error;
    element["error_kind"] = core::to_string(outcome.error_kind.value_or(core::ErrorKind::storage));
    return element;
  }
  const puller::PullReport& report = *outcome.report;
  const store::Manifest& manifest = report.snapshot.manifest;
  element.update(json{
      {"snapshot", report.snapshot.full_name()},
      {"method", manifest.method},
      {"fallback", report.node.fallback.empty() ? json() : json(report.node.fallback)},
      {"taken_at", core::format_rfc3339(manifest.taken_at)},
      {"duration_seconds", core::to_seconds(report.duration)},
      {"pages_total", report.pages_total},
      {"pages_changed", report.pages_changed},
      {"bytes_received", report.bytes_received},
      {"bytes_sent", report.bytes_sent},
      {"read_transaction_seconds", core::to_seconds(report.read_transaction)},
      {"restarts", 0},  // the copy runs inside one read transaction
      {"wal_growth_bytes", report.wal_growth_bytes},
      {"node_peak_memory_bytes", report.node_peak_memory_bytes ? json(*report.node_peak_memory_bytes) : json()},
      {"node", node_json(manifest)},
      {"bundle", bundle_json(manifest.bundle)},
      {"identity", identity_json(manifest.identity)},
      {"another_cluster", outcome.another_cluster.empty() ? json() : json(outcome.another_cluster)},
      {"retained", outcome.retained},
      {"retention_error", outcome.retention_error.empty() ? json(nullptr) : json(outcome.retention_error)},
  });
  return element;
}

json verify_document(const VerifyOutcome& outcome) {
  const verifier::Verification& verification = outcome.verification;
  const verifier::Census& census = verification.census;
  return {
      {"schema", "k3s-drill/verify/1"},
      {"verdict", to_string(verdict_of(verification))},
      {"started_at", core::format_rfc3339(outcome.started_at)},
      {"snapshot",
       {{"name", outcome.name},
        {"taken_at", optional_json(outcome.taken_at, core::format_rfc3339)},
        {"size_bytes", verification.size_bytes},
        {"page_count", verification.page_count},
        {"page_size_bytes", verification.page_size_bytes},
        {"sha256", verification.sha256}}},
      {"revision", verification.revision.value},
      {"compact_revision", verification.compact_revision.value},
      {"rows",
       {{"total", verification.rows.total},
        {"live", verification.rows.live},
        {"tombstones", verification.rows.tombstones}}},
      {"objects",
       {{"total", census.objects_total},
        {"namespaces", census.namespaces},
        {"by_resource", census.by_resource},
        {"by_namespace", census.by_namespace},
        {"cluster_scoped", census.cluster_scoped},
        {"sealed", census.sealed}}},
      {"internal_keys", census.internal_keys},
      {"newest_change", optional_json(verification.newest_change, core::format_rfc3339)},
      {"k3s_version", verification.k3s_version},
      {"checks", checks_json(verification.checks)},
      {"coverage",
       {{"pages_checked", verification.coverage.pages_checked},
        {"pages_total", verification.coverage.pages_total},
        {"rows_checked", verification.coverage.rows_checked},
        {"rows_total", verification.coverage.rows_total},
        {"objects_decoded", verification.coverage.objects_decoded},
        {"objects_total", verification.coverage.objects_total}}},
      {"duration_seconds", core::to_seconds(verification.duration)},
  };
}

json host_json() {
  utsname names{};
  ::uname(&names);
  return {{"cpu_count", std::thread::hardware_concurrency()},
          {"memory_bytes", static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE)},
          {"kernel", names.release},
          {"drill_version", DRILL_VERSION}};
}

// Source: what a k3s server keeps outside its datastore; reference in docs/not-covered.md.
json not_covered_json() {
  return {"volumes (the data of PersistentVolumes, local-path included)", "container images and registries",
          "files outside the bundle: registries.yaml, systemd units, node passwords, manifests put on the node by hand",
          "agents: each must rejoin the restored server"};
}

json steps_json(const drill::DatastoreSteps& steps) {
  json list = json::array();
  const auto add = [&](const char* name, const std::optional<std::chrono::nanoseconds>& duration) {
    if (duration) list.push_back({{"name", name}, {"duration_seconds", core::to_seconds(*duration)}});
  };
  add("schema", steps.schema);
  add("vacuum", steps.vacuum);
  return list;
}

json phases_json(const drill::DrillReport& report) {
  json list = json::array();
  for (const drill::Phase& phase : report.phases) {
    json entry = {{"name", phase.name},
                  {"start_seconds", core::to_seconds(phase.start)},
                  {"duration_seconds", core::to_seconds(phase.duration)},
                  {"verdict", core::to_string(phase.verdict)}};
    if (!phase.log.empty()) entry["log"] = phase.log;
    if (phase.name == "datastore") entry["steps"] = steps_json(report.datastore_steps);
    if (!phase.findings.empty()) entry["findings"] = findings_json(phase.findings);
    list.push_back(std::move(entry));
  }
  return list;
}

json control_json(const std::optional<drill::Control>& control) {
  if (!control) return {{"fault", nullptr}, {"verdict", "skipped"}, {"caught_by", nullptr}, {"message", nullptr}};
  return {{"fault", drill::to_string(control->fault)},
          {"verdict", core::to_string(control->verdict)},
          {"caught_by", control->caught_by.empty() ? json(nullptr) : json(control->caught_by)},
          {"message", control->message}};
}

json drift_json(const drill::Drift& drift) {
  json by_resource = json::object();
  for (const auto& [resource, counts] : drift.by_resource)
    by_resource[resource] = {{"created", counts.created}, {"changed", counts.changed}, {"deleted", counts.deleted}};
  return {
      {"settled_seconds", core::to_seconds(drift.settled)}, {"by_resource", by_resource}, {"examples", drift.examples}};
}

const drill::Phase* find_phase(const drill::DrillReport& report, std::string_view name) {
  for (const drill::Phase& phase : report.phases)
    if (phase.name == name) return &phase;
  return nullptr;
}

json problems_json(const std::vector<EvidenceSummary::Problem>& problems) {
  json list = json::array();
  for (const EvidenceSummary::Problem& problem : problems)
    list.push_back({{"name", problem.name}, {"verdict", problem.verdict}, {"message", problem.message}});
  return list;
}

json snapshot_json(const store::Snapshot& snapshot) {
  if (snapshot.unreadable)
    return {{"snapshot", snapshot.full_name()}, {"lost", nullptr}, {"unreadable", snapshot.unreadable->what()}};
  if (snapshot.damage)
    return {{"snapshot", snapshot.full_name()}, {"lost", *snapshot.lost}, {"damage", *snapshot.damage}};
  const store::BundleFile* database = snapshot.manifest.find(store::kDatabaseFile);
  return {{"snapshot", snapshot.full_name()},
          {"taken_at", core::format_rfc3339(snapshot.manifest.taken_at)},
          {"size_bytes", database != nullptr ? database->size_bytes : 0},
          {"lost", snapshot.lost ? json(*snapshot.lost) : json(nullptr)},
          {"of_another_cluster", snapshot.of_another_cluster},
          {"identity", identity_json(snapshot.manifest.identity)},
          {"k3s_version", snapshot.manifest.k3s_version},
          {"verified", proof_json(snapshot.verified)},
          {"drilled", proof_json(snapshot.drilled)}};
}

}  // namespace

core::Verdict verdict_of(const PullOutcome& outcome) {
  if (!outcome.report) return core::Verdict::inconclusive;
  if (!outcome.another_cluster.empty()) return core::Verdict::fail;
  return outcome.retention_error.empty() ? core::Verdict::pass : core::Verdict::inconclusive;
}

std::string pull_json(const std::vector<PullOutcome>& outcomes) {
  json pulls = json::array();
  for (const PullOutcome& outcome : outcomes) pulls.push_back(pull_element(outcome));
  return core::json_text({{"schema", "k3s-drill/pull/1"}, {"pulls", pulls}});
}

std::string verify_json(const VerifyOutcome& outcome) { return core::json_text(verify_document(outcome)); }

std::string verify_list_json(const std::vector<VerifyOutcome>& outcomes) {
  json documents = json::array();
  for (const VerifyOutcome& outcome : outcomes) documents.push_back(verify_document(outcome));
  return core::json_text({{"schema", "k3s-drill/verify-list/1"}, {"verifications", documents}});
}

std::string verify_all_json(const VerifyAllOutcome& outcome) {
  std::map<core::Verdict, std::size_t> counts;
  json snapshots = json::array();
  for (const VerifyOutcome& one : outcome.outcomes) {
    const core::Verdict verdict = verdict_of(one.verification);
    ++counts[verdict];
    std::vector<core::Check> not_passed;
    for (const core::Check& check : one.verification.checks)
      if (check.verdict == core::CheckVerdict::fail || check.verdict == core::CheckVerdict::could_not_run)
        not_passed.push_back(check);
    snapshots.push_back({{"snapshot", one.name},
                         {"verdict", to_string(verdict)},
                         {"started_at", core::format_rfc3339(one.started_at)},
                         {"duration_seconds", core::to_seconds(one.verification.duration)},
                         {"checks", checks_json(not_passed)}});
  }
  return core::json_text({{"schema", "k3s-drill/verify-all/1"},
                          {"passed", counts[core::Verdict::pass]},
                          {"failed", counts[core::Verdict::fail]},
                          {"inconclusive", counts[core::Verdict::inconclusive]},
                          {"workers", outcome.workers},
                          {"duration_seconds", core::to_seconds(outcome.duration)},
                          {"snapshots", snapshots}});
}

std::string run_json(const std::string& cluster, const drill::DrillReport& report) {
  const auto seconds = [](std::chrono::nanoseconds duration) { return core::to_seconds(duration); };
  json snapshot = {{"name", report.snapshot}, {"taken_at", optional_json(report.taken_at, core::format_rfc3339)}};
  if (report.verification)
    snapshot.update(json{{"sha256", report.verification->sha256},
                         {"size_bytes", report.verification->size_bytes},
                         {"revision", report.verification->revision.value}});
  snapshot["k3s_version"] = report.k3s_version;
  snapshot["verdict"] = to_string(snapshot_verdict_of(report));
  const drill::Phase* teardown = find_phase(report, "teardown");
  return core::json_text({
      {"schema", "k3s-drill/run/2"},
      {"verdict", to_string(verdict_of(report))},
      {"cluster", cluster.empty() ? json(nullptr) : json(cluster)},
      {"snapshot", snapshot},
      {"started_at", core::format_rfc3339(report.started_at)},
      {"duration_seconds", seconds(report.duration)},
      {"engine", optional_json(report.engine,
                               [](const drill::EngineChoice& engine) {
                                 return json{{"kind", drill::to_string(engine.kind)},
                                             {"version", engine.version},
                                             {"path_or_image", engine.path_or_image}};
                               })},
      {"phases", phases_json(report)},
      {"rto_seconds", optional_json(report.rto, seconds)},
      {"rpo_seconds", optional_json(report.rpo, seconds)},
      {"captured_lag_seconds", optional_json(report.captured_lag, seconds)},
      {"objectives",
       {{"rto_seconds", optional_json(report.objectives.rto, seconds)},
        {"rpo_seconds", optional_json(report.objectives.rpo, seconds)},
        {"met", optional_json(report.objectives_met(), [](bool met) { return met; })}}},
      {"objects",
       {{"expected", report.objects.expected},
        {"matched", report.objects.matched},
        {"missing", report.objects.missing},
        {"unexpected", report.objects.unexpected},
        {"different", report.objects.different},
        {"unread", report.objects.unread},
        {"examples", report.objects.examples}}},
      {"compared_with", report.compared_with.empty() ? json(nullptr) : json(report.compared_with)},
      {"checks", report.verification ? checks_json(report.verification->checks) : json::array()},
      {"proof", checks_json(report.proof)},
      {"datastore",
       {{"depth", report.depth == drill::Depth::deep ? "deep" : "internal"},
        {"keys", report.datastore_keys},
        {"matched", report.datastore_matched}}},
      {"control", control_json(report.control)},
      {"drift", optional_json(report.drift, drift_json)},
      {"teardown",
       {{"verdict", teardown != nullptr ? core::to_string(teardown->verdict) : "skipped"},
        {"leftovers", report.leftovers}}},
      {"history", nullptr},  // filled in by with_history, for a drill of a stored snapshot
      {"host", host_json()},
      {"not_covered", not_covered_json()},
  });
}

std::string not_run_json(const std::string& cluster, const core::Error& error) {
  return core::json_text({{"cluster", cluster},
                          {"verdict", to_string(core::Verdict::inconclusive)},
                          {"error", error.what()},
                          {"error_kind", core::to_string(error.kind())}});
}

std::string run_list_json(const std::vector<std::string>& documents) {
  json runs = json::array();
  for (const std::string& document : documents) runs.push_back(json::parse(document));
  return core::json_text({{"schema", "k3s-drill/run-list/1"}, {"runs", runs}});
}

std::string list_json(const std::vector<store::Snapshot>& snapshots) {
  json list = json::array();
  for (const store::Snapshot& snapshot : snapshots) list.push_back(snapshot_json(snapshot));
  return core::json_text({{"schema", "k3s-drill/list/1"}, {"snapshots", list}});
}

std::string show_json(const store::Snapshot& snapshot, const ProofDetails& proof) {
  json document = {{"schema", "k3s-drill/show/2"}};
  document.update(snapshot_json(snapshot));
  if (snapshot.verified && proof.verify) document["verified"]["checks"] = problems_json(proof.verify->problems);
  if (snapshot.drilled && proof.run) {
    const EvidenceSummary& run = *proof.run;
    document["drilled"]["checks"] = problems_json(run.problems);
    document["drilled"]["engine"] = run.engine.empty() ? json(nullptr) : json(run.engine);
    document["drilled"]["rto_seconds"] = run.rto_seconds ? json(*run.rto_seconds) : json(nullptr);
    document["drilled"]["rpo_seconds"] = run.rpo_seconds ? json(*run.rpo_seconds) : json(nullptr);
    document["drilled"]["captured_lag_seconds"] =
        run.captured_lag_seconds ? json(*run.captured_lag_seconds) : json(nullptr);
  }
  document["directory"] = snapshot.directory.string();
  document["method"] = snapshot.manifest.method;
  document["node"] = node_json(snapshot.manifest);
  document["bundle"] = bundle_json(snapshot.manifest.bundle);
  const store::PackedDatabase& database = snapshot.manifest.database;
  document["database"] = {{"file", database.file},
                          {"size_bytes", database.size_bytes},
                          {"sha256", database.sha256},
                          {"base", database.base.empty() ? json(nullptr) : json(database.base)}};
  return core::json_text(document);
}

std::string extract_json(const ExtractOutcome& outcome) {
  return core::json_text({{"schema", "k3s-drill/extract/1"},
                          {"snapshot", outcome.snapshot},
                          {"file", outcome.file.string()},
                          {"size_bytes", outcome.written.size_bytes},
                          {"sha256", outcome.written.sha256},
                          {"duration_seconds", core::to_seconds(outcome.duration)}});
}

std::string import_json(const std::string& cluster, const std::vector<ImportOutcome>& outcomes) {
  json files = json::array();
  for (const ImportOutcome& outcome : outcomes) {
    json entry = {{"path", outcome.path.string()},
                  {"snapshot", outcome.snapshot.empty() ? json(nullptr) : json(outcome.snapshot)},
                  {"verdict", outcome.verdict()},
                  {"of_another_cluster", outcome.of_another_cluster}};
    if (outcome.refusal) {
      entry["kind"] = core::to_string(outcome.refusal->kind());
      entry["message"] = outcome.refusal->what();
    }
    files.push_back(std::move(entry));
  }
  return core::json_text({{"schema", "k3s-drill/import/1"}, {"cluster", cluster}, {"files", files}});
}

std::string prune_json(const std::vector<PruneOutcome>& outcomes, PruneMode mode) {
  json snapshots = json::array();
  for (const PruneOutcome& outcome : outcomes)
    for (const store::RetentionDecision& decision : outcome.decisions)
      snapshots.push_back({{"snapshot", outcome.cluster + "/" + decision.name},
                           {"action", store::to_string(decision.action)},
                           {"reasons", decision.reasons}});
  return core::json_text(
      {{"schema", "k3s-drill/prune/1"}, {"dry_run", mode == PruneMode::dry_run}, {"snapshots", snapshots}});
}

std::string_view to_string(DoctorVerdict verdict) {
  switch (verdict) {
    case DoctorVerdict::pass:
      return "pass";
    case DoctorVerdict::warning:
      return "warning";
    case DoctorVerdict::fail:
      return "fail";
  }
  return "fail";
}

std::string doctor_json(const std::vector<DoctorLine>& lines) {
  json list = json::array();
  for (const DoctorLine& line : lines) {
    json entry = {{"subject", line.subject}, {"verdict", to_string(line.verdict)}, {"message", line.message}};
    if (!line.cure.empty()) entry["cure"] = line.cure;
    list.push_back(std::move(entry));
  }
  return core::json_text({{"schema", "k3s-drill/doctor/1"}, {"checks", list}});
}

}  // namespace reports
