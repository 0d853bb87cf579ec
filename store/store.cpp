#include "store/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/atomic_file.hpp"
#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/sha256.hpp"
#include "store/manifest.hpp"

namespace store {
namespace {

constexpr std::string_view kManifestFile = "manifest.json";
constexpr std::string_view kIncomingPrefix = ".incoming-";
constexpr std::string_view kRemovedPrefix = ".removed-";

std::string_view evidence_file(Evidence kind) { return kind == Evidence::verify ? "verify.json" : "run.json"; }

void make_private_directory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throw core::system_error(errno, "making " + path.string());
}

Snapshot load(const std::filesystem::path& directory) {
  Snapshot snapshot;
  snapshot.directory = directory;
  try {
    snapshot.manifest = manifest_from_json(core::read_file(directory / kManifestFile));
    if (snapshot.manifest.name != directory.filename())
      throw core::Error(core::ErrorKind::damaged, "names another snapshot");
  } catch (const core::Error& error) {
    snapshot.damage = error.what();
  }
  snapshot.manifest.cluster = directory.parent_path().filename();
  snapshot.manifest.name = directory.filename();
  snapshot.verified = read_proof(directory / evidence_file(Evidence::verify));
  snapshot.drilled = read_proof(directory / evidence_file(Evidence::run));
  return snapshot;
}

// What a crash left: a half-received snapshot, or one half-removed.
void remove_leftovers(const std::filesystem::path& cluster_directory) {
  for (const auto& entry : std::filesystem::directory_iterator(cluster_directory)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kIncomingPrefix) || name.starts_with(kRemovedPrefix)) core::remove_tree(entry.path());
  }
}

}  // namespace

bool valid_cluster_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
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

Incoming::Incoming(std::filesystem::path cluster_directory, std::string cluster, core::UtcTime taken_at)
    : cluster_directory_(std::move(cluster_directory)), name_(core::format_compact(taken_at)) {
  if (std::filesystem::exists(cluster_directory_ / name_))
    throw core::Error(core::ErrorKind::storage, fmt::format("snapshot {}/{} is already there", cluster, name_));
  directory_ = cluster_directory_ / (std::string(kIncomingPrefix) + name_);
  if (::mkdir(directory_.c_str(), 0700) != 0) throw core::system_error(errno, "making " + directory_.string());
}

Incoming::~Incoming() {
  if (!committed_) core::remove_tree(directory_);
}

BundleFile Incoming::add(std::string_view path,
                         const std::function<void(const std::function<void(std::string_view)>&)>& produce) {
  const std::filesystem::path target = directory_ / path;
  const core::Fd fd = core::open_file(target, O_WRONLY | O_CREAT | O_EXCL);
  BundleFile file{std::string(path), 0, {}};
  core::Sha256 hash;
  produce([&](std::string_view block) {
    core::throw_if_cancelled();
    core::write_all(fd.get(), block, target);
    hash.update(block);
    file.size_bytes += block.size();
  });
  if (::fsync(fd.get()) != 0) throw core::system_error(errno, "flushing " + target.string());
  file.sha256 = hash.hex_digest();
  files_.push_back(file);
  return file;
}

BundleFile Incoming::add(std::string_view path, std::string_view content) {
  return add(path, [&](const std::function<void(std::string_view)>& sink) { sink(content); });
}

Snapshot Incoming::commit(Manifest manifest) {
  for (const BundleFile& file : files_) {
    const core::CopiedFile read_back = core::hash_file(directory_ / file.path);
    if (read_back.size_bytes != file.size_bytes || read_back.sha256 != file.sha256)
      throw core::Error(core::ErrorKind::storage,
                        fmt::format("{} reads back differently from what was written: check this disk",
                                    (directory_ / file.path).string()));
  }
  manifest.name = name_;
  manifest.bundle = files_;
  core::write_new_file(directory_ / kManifestFile, to_json(manifest));
  core::sync_directory(directory_);
  const std::filesystem::path target = cluster_directory_ / name_;
  if (::rename(directory_.c_str(), target.c_str()) != 0)
    throw core::system_error(errno, "publishing " + target.string());
  committed_ = true;
  core::sync_directory(cluster_directory_);
  return load(target);
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

std::vector<Snapshot> Store::list(std::string_view cluster) const {
  const std::filesystem::path directory = cluster_directory(cluster);
  std::vector<Snapshot> snapshots;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (!core::parse_compact(entry.path().filename().string())) continue;
    if (std::filesystem::exists(entry.path() / kManifestFile)) snapshots.push_back(load(entry.path()));
  }
  if (error && error != std::errc::no_such_file_or_directory)
    throw core::system_error(error.value(), directory.string());
  std::sort(snapshots.begin(), snapshots.end(),
            [](const Snapshot& a, const Snapshot& b) { return a.manifest.name < b.manifest.name; });
  return snapshots;
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
  const auto wanted = [&](const Snapshot& snapshot) {
    if (name == "latest") return true;
    return name == "proven" ? snapshot.drilled && snapshot.drilled->verdict == "pass" : snapshot.manifest.name == name;
  };
  const auto found = std::find_if(snapshots.rbegin(), snapshots.rend(), wanted);
  if (found == snapshots.rend())
    throw core::Error(core::ErrorKind::not_found,
                      name == "proven"
                          ? fmt::format("no snapshot of {} has passed a drill yet: run drill run {}", cluster, cluster)
                          : fmt::format("no snapshot {}/{}: drill list {} shows the {} there are", cluster, name,
                                        cluster, snapshots.size()));
  if (found->damage)
    throw core::Error(core::ErrorKind::damaged,
                      fmt::format("{}: manifest.json: {}", found->full_name(), *found->damage));
  return *found;
}

ClusterLock Store::lock(std::string_view cluster) {
  const std::filesystem::path directory = cluster_directory(cluster);
  make_private_directory(directory);
  return ClusterLock(directory);
}

Incoming Store::receive(std::string_view cluster, core::UtcTime taken_at) {
  const std::filesystem::path directory = cluster_directory(cluster);
  make_private_directory(directory);
  remove_leftovers(directory);
  return Incoming(directory, std::string(cluster), taken_at);
}

void Store::keep_evidence(const Snapshot& snapshot, Evidence kind, std::string_view json) {
  const std::filesystem::path target = snapshot.directory / evidence_file(kind);
  const std::optional<Proof> older = read_proof(target);
  const std::optional<Proof> newer = proof_from_json(std::string(json));
  if (older && older->verdict != "inconclusive" && newer && newer->verdict == "inconclusive") return;
  core::write_file_atomically(target, json);
  // A drill run by root in another user's store must not hide its proof from that user.
  struct stat owner {};
  if (::geteuid() == 0 && ::stat(snapshot.directory.c_str(), &owner) == 0 &&
      ::chown(target.c_str(), owner.st_uid, owner.st_gid) != 0)
    throw core::system_error(errno, "giving " + target.string() + " to the store's owner");
}

std::vector<std::string> Store::apply_retention(std::string_view cluster, std::size_t keep_last) {
  const std::vector<Snapshot> snapshots = list(cluster);
  const auto newest_passed = [&](std::optional<Proof> Snapshot::*proof) -> std::string {
    const auto found = std::find_if(snapshots.rbegin(), snapshots.rend(), [&](const Snapshot& snapshot) {
      return (snapshot.*proof) && (snapshot.*proof)->verdict == "pass";
    });
    return found == snapshots.rend() ? std::string() : found->manifest.name;
  };
  const std::string drilled = newest_passed(&Snapshot::drilled);
  const std::string verified = newest_passed(&Snapshot::verified);
  std::vector<std::string> removed;
  for (std::size_t i = 0; i + std::max<std::size_t>(keep_last, 1) < snapshots.size(); ++i) {
    const Snapshot& snapshot = snapshots[i];
    if (snapshot.manifest.name == drilled || snapshot.manifest.name == verified) continue;
    // Renamed first, so that a crash half way leaves no snapshot with half its files.
    const std::filesystem::path doomed =
        snapshot.directory.parent_path() / (std::string(kRemovedPrefix) + snapshot.manifest.name);
    if (::rename(snapshot.directory.c_str(), doomed.c_str()) != 0)
      throw core::system_error(errno, "removing " + snapshot.directory.string());
    core::remove_tree(doomed);
    removed.push_back(snapshot.manifest.name);
  }
  return removed;
}

}  // namespace store
