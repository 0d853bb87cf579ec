#include "store/catalogue.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <map>
#include <system_error>
#include <utility>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/logging.hpp"
#include "store/access.hpp"
#include "store/manifest.hpp"
#include "store/order.hpp"

namespace store {
namespace {

constexpr std::string_view kDamageFile = "damage.json";

// Throws: denied, storage.
bool is_there(const std::filesystem::path& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) throw core::system_error(errno, path.string());
  return false;
}

// Why `file` cannot be what was stored; empty when its size says nothing against it. Throws: denied, storage.
std::optional<std::string> missing_or_resized(const std::filesystem::path& directory, std::string_view file,
                                              std::uint64_t size_bytes) {
  struct stat facts {};
  if (::lstat((directory / file).c_str(), &facts) != 0) {
    if (errno == ENOENT) return fmt::format("{} is missing", file);
    throw core::system_error(errno, (directory / file).string());
  }
  if (!S_ISREG(facts.st_mode)) return fmt::format("{} is no regular file", file);
  if (static_cast<std::uint64_t>(facts.st_size) == size_bytes) return std::nullopt;
  return fmt::format("{} has {} bytes, stored were {}", file, facts.st_size, size_bytes);
}

struct Entry {
  Snapshot snapshot;
  std::optional<std::string> database_lost;  // what also takes the snapshots that need this one
  enum class Base { unseen, being_seen, seen } base = Base::unseen;
};

void load_files(Entry& entry) {
  Snapshot& snapshot = entry.snapshot;
  const std::filesystem::path& directory = snapshot.directory;
  try {
    snapshot.manifest = read_manifest(directory);
    const PackedDatabase& database = snapshot.manifest.database;
    entry.database_lost = missing_or_resized(directory, database.file, database.size_bytes);
    if (!entry.database_lost && is_there(directory / kDamageFile))
      entry.database_lost = read_damage(directory / kDamageFile);
    snapshot.lost = snapshot.unrestorable = entry.database_lost;
    for (const BundleFile& file : snapshot.manifest.bundle) {
      if (file.path == kDatabaseFile) continue;
      const std::optional<std::string> lost = missing_or_resized(directory, file.path, file.size_bytes);
      if (!snapshot.lost) snapshot.lost = lost;
      if (!snapshot.unrestorable && file.path == kTokenFile) snapshot.unrestorable = lost;
    }
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged && error.kind() != core::ErrorKind::not_found) throw;
    snapshot.damage = error.what();
    snapshot.lost = snapshot.unrestorable = entry.database_lost = fmt::format("{}: {}", kManifestFile, error.what());
  }
}

Entry load(const std::filesystem::path& directory) {
  Entry entry;
  Snapshot& snapshot = entry.snapshot;
  snapshot.directory = directory;
  try {
    with_cure(directory.parent_path().parent_path(), directory, [&] { load_files(entry); });
  } catch (const core::Error& error) {  // our trouble and no loss
    snapshot.unreadable = error;
    snapshot.lost = snapshot.unrestorable = entry.database_lost = error.what();
  }
  snapshot.manifest.cluster = directory.parent_path().filename();
  snapshot.manifest.name = directory.filename();
  if (snapshot.unreadable) return entry;
  for (const auto& [kind, proof] :
       {std::pair(Evidence::verify, &snapshot.verified), std::pair(Evidence::run, &snapshot.drilled)}) {
    try {
      *proof = read_proof(directory / evidence_file(kind));
    } catch (const core::Error& error) {  // our trouble, which is no reason to give away what it may prove
      snapshot.unread_proof = error;
      core::log_warning(fmt::format("a proof that cannot be read counts as none: {}", error.what()));
    }
  }
  if (snapshot.drilled && snapshot.drilled->verdict == "pass" &&
      (!snapshot.verified || snapshot.verified->at < snapshot.drilled->at))
    snapshot.verified = snapshot.drilled;
  return entry;
}

// One that is closed to us is said to be; what is not there is no snapshot.
bool may_be_snapshot(const std::filesystem::path& directory) {
  struct stat facts {};
  return ::lstat((directory / kManifestFile).c_str(), &facts) == 0 ||
         (errno != ENOENT && errno != ENOTDIR && errno != ELOOP);
}

// Those named like a snapshot, by name.
std::vector<std::filesystem::path> named_directories(const std::filesystem::path& cluster_directory) {
  std::vector<std::filesystem::path> directories;
  std::error_code error;
  for (std::filesystem::directory_iterator at(cluster_directory, error), end; !error && at != end; at.increment(error))
    if (core::parse_compact(at->path().filename().string())) directories.push_back(at->path());
  if (error && error != std::errc::no_such_file_or_directory)
    throw core::system_error(error.value(), cluster_directory.string());
  std::sort(directories.begin(), directories.end());
  return directories;
}

std::vector<std::filesystem::path> snapshot_directories(const std::filesystem::path& cluster_directory) {
  std::vector<std::filesystem::path> directories = named_directories(cluster_directory);
  std::erase_if(directories, [](const std::filesystem::path& one) { return !may_be_snapshot(one); });
  return directories;
}

// A month of hours is thousands of small files: two at a time, one for each half.
std::vector<Entry> load_all(const std::vector<std::filesystem::path>& directories) {
  std::vector<Entry> entries(directories.size());
  const auto load_range = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) entries[i] = load(directories[i]);
  };
  const std::size_t half = directories.size() / 2;
  auto older = std::async(std::launch::async | std::launch::deferred, load_range, 0, half);
  load_range(half, directories.size());
  older.get();
  return entries;
}

// In the order they were taken. One whose manifest cannot be read stands where its name puts it.
void sort_by_order(std::vector<Entry>& entries) {
  const auto is_known = [](const Entry& entry) { return !entry.snapshot.damage && !entry.snapshot.unreadable; };
  const auto by_order = [](const Entry& a, const Entry& b) { return is_before(a.snapshot, b.snapshot); };
  const auto unknown = std::stable_partition(entries.begin(), entries.end(), is_known);
  std::sort(entries.begin(), unknown, by_order);
  std::vector<Snapshot> known;
  for (auto entry = entries.begin(); unknown != entries.end() && entry != unknown; ++entry)
    known.push_back(entry->snapshot);
  for (auto entry = unknown; entry != entries.end(); ++entry)
    entry->snapshot.manifest.sequence =
        sequence_of_unknown(known, *core::parse_compact(entry->snapshot.manifest.name), core::utc_now());
  std::sort(entries.begin(), entries.end(), by_order);
}

using ByName = std::map<std::string_view, Entry*>;

// What is wrong with its base is wrong with it. The base first, wherever in the order a manifest that cannot be read
// has put it; a circle is found where it closes.
void settle(Entry& entry, const ByName& all) {
  if (entry.base != Entry::Base::unseen) return;
  const Manifest& manifest = entry.snapshot.manifest;
  const std::string& base = manifest.database.base;
  entry.base = base.empty() || entry.database_lost ? Entry::Base::seen : Entry::Base::being_seen;
  if (entry.base == Entry::Base::seen) return;
  const auto found = all.find(base);
  if (found == all.end()) {
    entry.database_lost = fmt::format("it needs {}/{}, which is not there", manifest.cluster, base);
  } else if (found->second->base == Entry::Base::being_seen) {
    entry.database_lost = fmt::format("it needs {}/{}, which needs it", manifest.cluster, base);
  } else {
    const Entry& needed = *found->second;
    settle(*found->second, all);
    if (needed.database_lost)
      entry.database_lost = fmt::format("it needs {}/{}: {}", manifest.cluster, base, *needed.database_lost);
    if (needed.snapshot.unreadable && !entry.snapshot.unreadable) {
      entry.snapshot.unreadable = needed.snapshot.unreadable;
      entry.snapshot.unreadable->add_context(fmt::format("it needs {}/{}", manifest.cluster, base));
    }
  }
  if (!entry.snapshot.lost) entry.snapshot.lost = entry.database_lost;
  if (!entry.snapshot.unrestorable) entry.snapshot.unrestorable = entry.database_lost;
  entry.base = Entry::Base::seen;
}

void lose_dependents(std::vector<Entry>& entries) {
  ByName all;
  for (Entry& entry : entries) all.emplace(entry.snapshot.manifest.name, &entry);
  for (Entry& entry : entries) settle(entry, all);
}

// Gives those that do not say whose they are what the record says of them.
void tell_unmarked(const SeriesRecord& record, std::vector<Snapshot>& snapshots) {
  for (Snapshot& snapshot : snapshots) {
    if (snapshot.manifest.identity.known()) continue;
    const auto found = std::find_if(record.unmarked.begin(), record.unmarked.end(),
                                    [&](const auto& one) { return snapshot.manifest.name <= one.until; });
    if (found != record.unmarked.end()) snapshot.manifest.identity = found->identity;
  }
}

std::optional<core::ClusterIdentity> series_of(const std::optional<SeriesRecord>& record,
                                               const std::vector<Snapshot>& snapshots) {
  if (record) return record->identity;
  const auto oldest = std::find_if(snapshots.begin(), snapshots.end(),
                                   [](const Snapshot& one) { return one.manifest.identity.known(); });
  if (oldest == snapshots.end()) return std::nullopt;
  return oldest->manifest.identity;
}

}  // namespace

std::vector<Snapshot> load_snapshots(const std::filesystem::path& cluster_directory) {
  std::vector<Entry> entries = load_all(snapshot_directories(cluster_directory));
  sort_by_order(entries);
  lose_dependents(entries);
  std::vector<Snapshot> snapshots;
  for (Entry& entry : entries) snapshots.push_back(std::move(entry.snapshot));
  const std::optional<SeriesRecord> record = read_record(cluster_directory);
  if (record) tell_unmarked(*record, snapshots);
  if (const auto series = series_of(record, snapshots))
    for (Snapshot& snapshot : snapshots)
      snapshot.of_another_cluster = core::are_different(*series, snapshot.manifest.identity);
  return snapshots;
}

std::vector<std::string> incomplete_directories(const std::filesystem::path& cluster_directory) {
  std::vector<std::string> names;
  for (const std::filesystem::path& directory : named_directories(cluster_directory))
    if (std::error_code none; std::filesystem::is_directory(directory, none) && !may_be_snapshot(directory))
      names.push_back(directory.filename());
  return names;
}

std::optional<SeriesRecord> read_record(const std::filesystem::path& cluster_directory) {
  try {
    return read_series(cluster_directory);
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::not_found)
      core::log_warning(
          fmt::format("{0}: {1}; going by the oldest snapshot that does. If another cluster counts: drill "
                      "series {2} shows which there are, drill series {2} --is UID says it",
                      (cluster_directory / kSeriesFile).string(), error.what(), cluster_directory.filename().string()));
    return std::nullopt;
  }
}

std::optional<core::ClusterIdentity> series_of(const std::filesystem::path& cluster_directory,
                                               const std::vector<Snapshot>& snapshots) {
  return series_of(read_record(cluster_directory), snapshots);
}

void note_damage(const std::filesystem::path& directory, std::string_view message) {
  try {
    core::write_file_atomically(directory / kDamageFile, damage_to_json(message, core::utc_now()));
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::not_found) return;
    core::log_warning(
        fmt::format("the damage cannot be written down, and is found anew by each command: {}", error.what()));
  }
}

void clear_damage(const std::filesystem::path& directory) {
  std::error_code none;
  std::filesystem::remove(directory / kDamageFile, none);
}

}  // namespace store
