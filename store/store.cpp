#include "store/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

#include "core/as_owner.hpp"
#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/logging.hpp"
#include "core/mutation.hpp"
#include "core/sha256.hpp"
#include "store/access.hpp"
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
    core::sync_directory(core::directory_of(path));
  else if (errno != EEXIST)
    throw core::system_error(errno, "making " + path.string());
}

// Whether all that is left is what a client of NFS keeps of files that another process has open: it goes with them.
bool holds_only_open_files(const std::filesystem::path& tree) {
  std::error_code failed;
  std::filesystem::recursive_directory_iterator at(tree, failed);
  for (const std::filesystem::recursive_directory_iterator end; !failed && at != end; at.increment(failed))
    if (!at->is_directory(failed) && !at->path().filename().string().starts_with(".nfs")) return false;
  return !failed;
}

// Throws: denied, storage.
void remove_whole(const std::filesystem::path& tree) {
  std::error_code failed;
  std::filesystem::remove_all(tree, failed);
  if (failed && !holds_only_open_files(tree))
    throw core::system_error(failed.value(), "removing what is left in " + tree.string());
}

// What a crash left: a half-received snapshot, or one half-removed. The first that cannot be removed is returned.
std::optional<core::Error> remove_leftovers(const std::filesystem::path& cluster_directory) {
  std::optional<core::Error> failure;
  for (const auto& entry : std::filesystem::directory_iterator(cluster_directory)) {
    const std::string name = entry.path().filename().string();
    const bool left = name.starts_with(kIncomingPrefix) || name.starts_with(kRemovedPrefix);
    try {
      if (left) remove_whole(entry.path());
    } catch (const core::Error& error) {
      if (!failure) failure = error;
    }
    std::error_code none;
    if (!left && entry.is_directory(none)) core::remove_abandoned_files(entry.path());
  }
  return failure;
}

// For where the file system has no locks: a name that only one process of this machine can have.
core::Fd take_name_of(const std::filesystem::path& directory) {
  std::error_code none;
  const std::string name =
      "k3s-drill." + core::sha256_hex(std::filesystem::weakly_canonical(directory, none).string()).substr(0, 32);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, name.size());  // behind a zero: a name without a file. Source: unix(7)
  core::Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (!fd) throw core::system_error(errno, "making a socket");
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0 ? std::move(fd) : core::Fd();
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
    : fd_(core::open_file(cluster_directory / ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK)) {
  const std::filesystem::path path = cluster_directory / ".lock";
  struct stat facts {};
  if (::fstat(fd_.get(), &facts) != 0) throw core::system_error(errno, path.string());
  if (!S_ISREG(facts.st_mode)) throw core::Error(core::ErrorKind::storage, path.string() + ": not a file; remove it");
  bool held = ::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0;
  if (!held && core::is_unsupported(errno)) {
    name_ = take_name_of(cluster_directory);
    held = static_cast<bool>(name_);
  } else if (!held && errno != EWOULDBLOCK) {
    throw core::system_error(errno, "locking " + path.string());
  }
  if (!held && !core::mutated("store-no-lock")) {
    const std::string owner = core::read_regular_file(path, 100);
    throw core::Error(
        core::ErrorKind::storage,
        fmt::format("another drill command is changing this cluster's snapshots ({}); try again when it has ended",
                    owner.empty() ? "no process id known" : "process " + owner));
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(fd_.get(), 0) == 0) core::write_all(fd_.get(), pid, path);
}

Store::Store(std::filesystem::path root) : root_(std::move(root)) {}

void Store::make_root() const {
  std::error_code error;
  std::filesystem::create_directories(core::directory_of(root_), error);
  if (error) throw core::system_error(error.value(), "making " + core::directory_of(root_).string());
  make_private_directory(root_);
}

void Store::make_directory(const std::filesystem::path& cluster) const {
  make_root();
  make_private_directory(cluster);
  const std::vector<std::string> names = clusters();
  if (std::find(names.begin(), names.end(), cluster.filename().string()) == names.end())
    throw core::Error(core::ErrorKind::usage,
                      fmt::format("{}: this file system takes it for the directory of a cluster whose name differs in "
                                  "upper and lower case only: give one of the two another name",
                                  cluster.string()));
}

void Store::check_access() const {
  with_cure(root_, root_, [&] { make_root(); });
  const core::AsOwner as(root_);
  const auto check = [&](const std::filesystem::path& directory) {
    with_cure(root_, directory, [&] { core::AtomicFile(directory / "doctor").write("x"); });
  };
  check(root_);
  for (const std::string& cluster : clusters()) {
    check(root_ / cluster);
    for (const Snapshot& snapshot : list(cluster)) {
      if (snapshot.unreadable) throw *snapshot.unreadable;
    }
  }
}

std::filesystem::path Store::cluster_directory(std::string_view cluster) const {
  if (!valid_cluster_name(cluster))
    throw core::Error(core::ErrorKind::usage, fmt::format("'{}' is no cluster name", cluster));
  return root_ / cluster;
}

std::vector<std::string> Store::clusters() const {
  std::vector<std::string> names;
  with_cure(root_, root_, [&] {
    std::error_code error;
    for (std::filesystem::directory_iterator at(root_, error), end; !error && at != end; at.increment(error))
      if (std::error_code none; at->is_directory(none) && valid_cluster_name(at->path().filename().string()))
        names.push_back(at->path().filename().string());
    if (error && error != std::errc::no_such_file_or_directory) throw core::system_error(error.value(), root_.string());
  });
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Snapshot> Store::list(std::string_view cluster) const {
  const std::filesystem::path directory = cluster_directory(cluster);
  return with_cure(root_, directory, [&] { return load_snapshots(directory); });
}

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
  const auto matches = [&](const Snapshot& snapshot) {
    if (name == "latest") return !snapshot.of_another_cluster;
    if (name == "proven")
      return !snapshot.of_another_cluster && !snapshot.lost && snapshot.drilled && snapshot.drilled->verdict == "pass";
    return snapshot.manifest.name == name;
  };
  const auto found = std::find_if(snapshots.rbegin(), snapshots.rend(), matches);
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
  for (auto newer = snapshots.rbegin(); name == "proven" && newer != found; ++newer)
    if (newer->unreadable)
      core::log_warning(
          fmt::format("{} may be newer and proven, too: {}", newer->full_name(), newer->unreadable->what()));
  if (found->unreadable) throw *found->unreadable;
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
  write_evidence(cluster_directory(cluster) / kSeriesFile, to_json(record));
}

void Store::record_series(std::string_view cluster, const core::ClusterIdentity& identity) {
  SeriesRecord record = read_record(cluster_directory(cluster)).value_or(SeriesRecord());
  if (record.identity == identity) return;
  record.identity = identity;
  begin_series(cluster, record);
}

ClusterLock Store::lock(std::string_view cluster) {
  const std::filesystem::path directory = cluster_directory(cluster);
  const core::AsOwner as(root_);
  return with_cure(root_, directory, [&] {
    make_directory(directory);
    return ClusterLock(directory);
  });
}

Incoming Store::receive(std::string_view cluster) {
  const std::filesystem::path directory = cluster_directory(cluster);
  const core::AsOwner as(root_);
  with_cure(root_, directory, [&] {
    make_directory(directory);
    remove_leftovers(directory);  // what stays is told by retention
  });
  return Incoming(directory, std::string(cluster));
}

core::CopiedFile Store::extract(const Snapshot& snapshot, const std::filesystem::path& target) {
  const std::filesystem::path cluster = snapshot.directory.parent_path();
  Unpacker unpacker(cluster, core::directory_of(target));
  try {
    const core::CopiedFile unpacked = unpacker.unpack(snapshot.manifest.name, target);
    const core::AsOwner as(root_);
    for (const auto& [whole, sha256] : unpacker.checked()) clear_damage(cluster / whole);
    return unpacked;
  } catch (DamagedFile& damage) {
    const core::AsOwner as(root_);
    note_damage(cluster / damage.snapshot(), damage.what());
    damage.add_context("unpacking " + snapshot.full_name());
    throw;
  }
}

void Store::write_evidence(const std::filesystem::path& target, std::string_view json) {
  const core::AsOwner as(root_);
  with_cure(root_, core::directory_of(target), [&] {
    std::error_code none;
    if (std::filesystem::is_directory(std::filesystem::symlink_status(target, none))) remove_whole(target);
    core::write_file_atomically(target, json);
  });
}

bool Store::keep_evidence(const Snapshot& snapshot, Evidence kind, std::string_view json) {
  const std::filesystem::path target = snapshot.directory / evidence_file(kind);
  const std::optional<Proof> older = read_proof(target);
  const std::optional<Proof> newer = proof_from_json(std::string(json));
  if (older && older->verdict != "inconclusive" && newer && newer->verdict == "inconclusive") return false;
  const core::AsOwner as(root_);
  core::remove_abandoned_files(snapshot.directory);
  write_evidence(target, json);
  return true;
}

void Store::note_drill(std::string_view cluster, std::string_view line) {
  const std::filesystem::path directory = cluster_directory(cluster);
  const core::AsOwner as(root_);
  with_cure(root_, directory, [&] { append_line(directory, line); });
}

std::vector<std::string> Store::drills(std::string_view cluster) const {
  return read_lines(cluster_directory(cluster));
}

std::vector<RetentionDecision> Store::plan_retention(std::string_view cluster, const RetentionRules& rules,
                                                     core::UtcTime now) const {
  const std::vector<Snapshot> snapshots = list(cluster);
  for (const Snapshot& snapshot : snapshots)
    if (snapshot.unreadable)
      throw core::Error(core::ErrorKind::storage, fmt::format("nothing is removed, as {} may need it: {}",
                                                              snapshot.full_name(), snapshot.unreadable->what()));
    else if (snapshot.unread_proof)
      throw core::Error(
          core::ErrorKind::storage,
          fmt::format("nothing is removed, as the proof of {} cannot be read, and it may be the newest: {}",
                      snapshot.full_name(), snapshot.unread_proof->what()));
  return decide_retention(snapshots, rules, now);
}

std::vector<std::string> Store::without_manifest(std::string_view cluster) const {
  return incomplete_directories(cluster_directory(cluster));
}

std::vector<RetentionDecision> Store::apply_retention(std::string_view cluster, const RetentionRules& rules,
                                                      std::string_view captured, core::UtcTime now) {
  const std::filesystem::path directory = cluster_directory(cluster);
  const core::AsOwner as(root_);
  return with_cure(root_, directory, [&] {
    std::optional<core::Error> failure;
    if (std::filesystem::exists(directory)) failure = remove_leftovers(directory);
    std::vector<RetentionDecision> decisions = plan_retention(cluster, rules, now);
    for (RetentionDecision& decision : decisions)
      if (decision.name == captured && decision.action == Retention::remove)
        decision.action = Retention::keep, decision.reasons.emplace_back("just captured");
    // The newest first: what needs others goes before them. Renamed first, and that flushed, so that neither a crash
    // nor a power cut half way leaves a snapshot with half its files.
    for (auto decision = decisions.rbegin(); decision != decisions.rend(); ++decision) {
      if (decision->action == Retention::keep || core::mutated("store-no-retention")) continue;
      const std::filesystem::path doomed = directory / (std::string(kRemovedPrefix) + decision->name);
      if (::rename((directory / decision->name).c_str(), doomed.c_str()) != 0)
        throw core::system_error(errno, "removing " + (directory / decision->name).string());
      core::sync_directory(directory);
      try {
        remove_whole(doomed);
      } catch (const core::Error& error) {
        if (!failure) failure = error;
      }
    }
    if (failure) throw *failure;
    return decisions;
  });
}

}  // namespace store
