#include "store/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include "core/error.hpp"
#include "core/file.hpp"
#include "store/catalogue.hpp"
#include "store/incoming.hpp"
#include "store/journal.hpp"
#include "store/manifest.hpp"
#include "store/retention.hpp"

namespace store {
namespace {

constexpr std::string_view kRemovedPrefix = ".removed-";

void make_private_directory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0)
    core::sync_directory(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
  else if (errno != EEXIST)
    throw core::system_error(errno, "making " + path.string());
}

// A writer of evidence that was killed between two names (core/atomic_file.cpp) leaves NAME.THREAD.tmp.
void remove_abandoned_evidence(const std::filesystem::path& snapshot_directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(snapshot_directory, ignored)) {
    if (entry.path().extension() != ".tmp") continue;
    const std::string number = entry.path().stem().extension().string();
    const int thread = number.empty() ? 0 : std::atoi(number.c_str() + 1);
    if (thread > 0 && ::kill(thread, 0) != 0 && errno == ESRCH) std::filesystem::remove(entry.path(), ignored);
  }
}

// What a crash left: a half-received snapshot, or one half-removed.
void remove_leftovers(const std::filesystem::path& cluster_directory) {
  for (const auto& entry : std::filesystem::directory_iterator(cluster_directory)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kIncomingPrefix) || name.starts_with(kRemovedPrefix))
      core::remove_tree(entry.path());
    else if (entry.is_directory())
      remove_abandoned_evidence(entry.path());
  }
}

}  // namespace

bool valid_cluster_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

bool are_of_one_cluster(const Snapshot& one, const Snapshot& other) {
  if (one.of_another_cluster != other.of_another_cluster) return false;
  return !one.of_another_cluster || !core::are_different(one.manifest.identity, other.manifest.identity);
}

ClusterLock::ClusterLock(const std::filesystem::path& cluster_directory)
    : fd_(core::open_file(cluster_directory / ".lock", O_RDWR | O_CREAT)) {
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    const std::string owner = core::read_file(cluster_directory / ".lock");
    throw core::Error(
        core::ErrorKind::storage,
        fmt::format("another drill command is changing this cluster's snapshots ({}); try again when it has ended",
                    owner.empty() ? "no process id known" : "process " + owner));
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd_.get(), 0) == 0) core::write_all(fd_.get(), pid, cluster_directory / ".lock");
}

Store::Store(std::filesystem::path root) : root_(std::move(root)) {
  std::error_code error;
  if (root_.has_parent_path()) std::filesystem::create_directories(root_.parent_path(), error);
  if (error) throw core::system_error(error.value(), "making " + root_.parent_path().string());
  make_private_directory(root_);
}

std::filesystem::path Store::cluster_directory(std::string_view cluster) const {
  if (!valid_cluster_name(cluster))
    throw core::Error(core::ErrorKind::usage, fmt::format("'{}' is no cluster name", cluster));
  return root_ / cluster;
}

std::vector<std::string> Store::clusters() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(root_))
    if (entry.is_directory() && valid_cluster_name(entry.path().filename().string()))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Snapshot> Store::list(std::string_view cluster) const { return load_snapshots(cluster_directory(cluster)); }

Snapshot Store::find(std::string_view specification) const {
  const std::size_t slash = specification.find('/');
  std::string cluster(specification.substr(0, slash == std::string_view::npos ? 0 : slash));
  const std::string_view name = slash == std::string_view::npos ? specification : specification.substr(slash + 1);
  if (slash == std::string_view::npos) {
    const std::vector<std::string> names = clusters();
    if (names.size() != 1)
      throw core::Error(
          core::ErrorKind::usage,
          fmt::format("'{}' names no cluster and the store has {}: say CLUSTER/{}", name, names.size(), name));
    cluster = names.front();
  }
  const std::vector<Snapshot> snapshots = list(cluster);
  if (snapshots.empty())
    throw core::Error(core::ErrorKind::not_found,
                      fmt::format("no snapshot of {} in {}: run drill pull first", cluster, root_.string()));
  const auto wanted = [&](const Snapshot& snapshot) {
    if (name == "latest") return !snapshot.of_another_cluster;
    if (name == "proven")
      return !snapshot.of_another_cluster && !snapshot.lost && snapshot.drilled && snapshot.drilled->verdict == "pass";
    return snapshot.manifest.name == name;
  };
  const auto found = std::find_if(snapshots.rbegin(), snapshots.rend(), wanted);
  if (found == snapshots.rend() && name == "latest")
    throw core::Error(
        core::ErrorKind::not_found,
        fmt::format("all {} snapshots of {} are of another cluster than the series: drill series {} shows "
                    "which, and --is says which one counts",
                    snapshots.size(), cluster, cluster));
  if (found == snapshots.rend())
    throw core::Error(core::ErrorKind::not_found,
                      name == "proven"
                          ? fmt::format("no snapshot of {} has passed a drill yet: run drill run {}", cluster, cluster)
                          : fmt::format("no snapshot {}/{}: drill list {} shows the {} there are", cluster, name,
                                        cluster, snapshots.size()));
  if (found->damage)
    throw core::Error(
        core::ErrorKind::damaged,
        fmt::format("{}: {}: {}", found->full_name(), (found->directory / kManifestFile).string(), *found->damage));
  return *found;
}

std::optional<core::ClusterIdentity> Store::series(std::string_view cluster) const {
  const std::filesystem::path directory = cluster_directory(cluster);
  return series_of(directory, load_snapshots(directory));
}

bool Store::has_series(std::string_view cluster) const { return read_record(cluster_directory(cluster)).has_value(); }

void Store::begin_series(std::string_view cluster, const SeriesRecord& record) {
  write_evidence(cluster_directory(cluster), kSeriesFile, to_json(record));
}

void Store::record_series(std::string_view cluster, const core::ClusterIdentity& identity) {
  SeriesRecord record = read_record(cluster_directory(cluster)).value_or(SeriesRecord());
  if (record.identity == identity) return;
  record.identity = identity;
  begin_series(cluster, record);
}

ClusterLock Store::lock(std::string_view cluster) {
  const std::filesystem::path directory = cluster_directory(cluster);
  make_private_directory(directory);
  return ClusterLock(directory);
}

Incoming Store::receive(std::string_view cluster) {
  const std::filesystem::path directory = cluster_directory(cluster);
  make_private_directory(directory);
  remove_leftovers(directory);
  return Incoming(directory, std::string(cluster));
}

core::CopiedFile Store::extract(const Snapshot& snapshot, const std::filesystem::path& target) {
  const std::filesystem::path cluster = snapshot.directory.parent_path();
  Unpacker unpacker(cluster, target.has_parent_path() ? target.parent_path() : std::filesystem::path("."));
  try {
    const core::CopiedFile unpacked = unpacker.unpack(snapshot.manifest.name, target);
    for (const auto& [whole, sha256] : unpacker.checked()) clear_damage(cluster / whole);
    return unpacked;
  } catch (DamagedFile& damage) {
    note_damage(cluster / damage.snapshot(), damage.what());
    damage.add_context("unpacking " + snapshot.full_name());
    throw;
  }
}

bool Store::keep_evidence(const Snapshot& snapshot, Evidence kind, std::string_view json) {
  const std::filesystem::path target = snapshot.directory / evidence_file(kind);
  const std::optional<Proof> older = read_proof(target);
  const std::optional<Proof> newer = proof_from_json(std::string(json));
  if (older && older->verdict != "inconclusive" && newer && newer->verdict == "inconclusive") return false;
  for (const auto& entry : std::filesystem::directory_iterator(snapshot.directory.parent_path()))
    if (entry.is_directory()) remove_abandoned_evidence(entry.path());
  write_evidence(snapshot.directory, evidence_file(kind), json);
  return true;
}

void Store::note_drill(std::string_view cluster, std::string_view line) {
  append_line(cluster_directory(cluster), line);
}

std::vector<std::string> Store::drills(std::string_view cluster) const {
  return read_lines(cluster_directory(cluster));
}

std::vector<RetentionDecision> Store::plan_retention(std::string_view cluster, const RetentionRules& rules) const {
  return decide_retention(list(cluster), rules);
}

std::vector<RetentionDecision> Store::apply_retention(std::string_view cluster, const RetentionRules& rules) {
  const std::filesystem::path directory = cluster_directory(cluster);
  if (std::filesystem::exists(directory)) remove_leftovers(directory);
  std::vector<RetentionDecision> decisions = plan_retention(cluster, rules);
  // The newest first: what needs others goes before them. Renamed first, and that flushed, so that neither a crash
  // nor a power cut half way leaves a snapshot with half its files.
  for (auto decision = decisions.rbegin(); decision != decisions.rend(); ++decision) {
    if (decision->action == Retention::keep) continue;
    const std::filesystem::path doomed = directory / (std::string(kRemovedPrefix) + decision->name);
    if (::rename((directory / decision->name).c_str(), doomed.c_str()) != 0)
      throw core::system_error(errno, "removing " + (directory / decision->name).string());
    core::sync_directory(directory);
    core::remove_tree(doomed);
  }
  return decisions;
}

}  // namespace store
