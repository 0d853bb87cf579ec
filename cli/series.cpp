#include "cli/series.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "cli/command.hpp"
#include "cli/snapshot_names.hpp"
#include "cli/stored_copy.hpp"
#include "core/logging.hpp"
#include "reports/series.hpp"
#include "verifier/keys/identity.hpp"

namespace cli {
namespace {

struct Options {
  std::string cluster;
  std::string is;
};

core::ClusterIdentity identity_of(store::Store& store, const store::Snapshot& snapshot) {
  try {
    const StoredCopy copy = copy_stored(store, snapshot);
    return verifier::read_identity(copy.database(), copy.token);
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged) throw;
    return {};
  }
}

// The snapshots of a series that do not say whose they are, as they are from before any did.
class Unmarked {
 public:
  Unmarked(store::Store& store, const std::string& cluster) : store_(store) {
    for (store::Snapshot& snapshot : store.list(cluster))
      if (!snapshot.lost && !snapshot.manifest.identity.known()) snapshots_.push_back(std::move(snapshot));
    while (!snapshots_.empty() && !identity(snapshots_.size() - 1).known()) snapshots_.pop_back();
  }

  /// Finds by halves where another cluster begins, as each has to be unpacked to be asked. What cannot be read is taken
  /// for one of those around it.
  std::vector<store::SeriesRecord::Unmarked> tell_apart() {
    std::vector<store::SeriesRecord::Unmarked> clusters;
    for (std::size_t first = 0; first < snapshots_.size();) {
      std::size_t same = first;
      std::size_t other = snapshots_.size();
      if (!identity(first).known()) {
        ++first;
        continue;
      }
      if (!core::are_different(identity(first), identity(other - 1))) same = other - 1;
      while (other - same > 1) {
        const std::size_t middle = same + (other - same) / 2;
        (core::are_different(identity(first), identity(middle)) ? other : same) = middle;
      }
      clusters.push_back({snapshots_[same].manifest.name, identity(first)});
      first = same + 1;
    }
    return clusters;
  }

 private:
  const core::ClusterIdentity& identity(std::size_t index) {
    const auto known = identities_.find(index);
    if (known != identities_.end()) return known->second;
    core::show_progress("asking " + snapshots_[index].full_name() + " which cluster it is of");
    return identities_.emplace(index, identity_of(store_, snapshots_[index])).first->second;
  }

  store::Store& store_;
  std::vector<store::Snapshot> snapshots_;  // oldest first
  std::map<std::size_t, core::ClusterIdentity> identities_;
};

// Each cluster that has snapshots in the series' directory, the series' own first.
std::vector<reports::SeriesMember> members_of(const store::Store& store, const std::string& cluster) {
  std::vector<std::pair<store::Snapshot, reports::SeriesMember>> found;  // by the first snapshot of each
  for (const store::Snapshot& snapshot : store.list(cluster)) {
    auto known = std::find_if(found.begin(), found.end(),
                              [&](const auto& one) { return store::are_of_one_cluster(one.first, snapshot); });
    if (known == found.end())
      known = found.insert(
          found.end(),
          {snapshot, {snapshot.manifest.identity, !snapshot.of_another_cluster, 0, snapshot.full_name(), {}}});
    ++known->second.snapshots;
    known->second.newest = snapshot.full_name();
  }
  std::vector<reports::SeriesMember> members;
  for (auto& [first, member] : found) {
    if (member.counts) member.identity = store.series(cluster).value_or(member.identity);
    members.insert(member.counts ? members.begin() : members.end(), std::move(member));
  }
  return members;
}

// The one whose kube-system uid, or CA, begins with `name`.
core::ClusterIdentity choose(const std::vector<reports::SeriesMember>& members, const std::string& cluster,
                             const std::string& name) {
  std::vector<core::ClusterIdentity> found;
  for (const reports::SeriesMember& member : members)
    if (member.identity.kube_system_uid.starts_with(name) || member.identity.ca_sha256.starts_with(name))
      found.push_back(member.identity);
  if (found.size() == 1) return found.front();
  throw core::Error(core::ErrorKind::usage,
                    fmt::format("{} of the clusters that have snapshots of {} have a uid that begins with '{}': drill "
                                "series {} shows them",
                                found.empty() ? "none" : "several", cluster, name, cluster));
}

int series(const Globals& globals, const Options& options) {
  const Config config = load_config(globals.config_path);
  store::Store store(config.store);
  const Names names(config, store);
  const std::string cluster = names.stored_clusters({options.cluster}, "drill series {}").front();
  std::optional<store::ClusterLock> lock;
  try {
    lock.emplace(store.lock(cluster));
    settle_series(store, cluster);
  } catch (const core::Error& error) {
    if (!options.is.empty() || error.kind() == core::ErrorKind::cancelled) throw;
    core::log_warning(std::string("nothing can be written down, and this is what is known: ") + error.what());
  }
  std::vector<reports::SeriesMember> members = members_of(store, cluster);
  if (members.empty()) throw names.no_snapshot(cluster);
  if (!options.is.empty()) {
    store.record_series(cluster, choose(members, cluster, options.is));
    members = members_of(store, cluster);
  }
  print(globals.format == Format::json ? reports::series_json(cluster, members)
                                       : reports::series_text(cluster, members));
  return 0;
}

}  // namespace

void settle_series(store::Store& store, const std::string& cluster) {
  if (store.has_series(cluster)) return;
  store::SeriesRecord record;
  record.unmarked = Unmarked(store, cluster).tell_apart();
  if (!record.unmarked.empty()) record.identity = record.unmarked.front().identity;
  if (const auto told = store.series(cluster); told && record.unmarked.empty()) record.identity = *told;
  if (record.identity.known()) store.begin_series(cluster, record);
}

void note_series(store::Store& store, const store::Snapshot& snapshot) {
  const std::string& cluster = snapshot.manifest.cluster;
  const core::ClusterIdentity& identity = snapshot.manifest.identity;
  if (snapshot.of_another_cluster || !identity.known()) return;
  const bool whole = !identity.kube_system_uid.empty() && !identity.ca_sha256.empty();
  if (whole || !store.has_series(cluster)) store.record_series(cluster, identity);
}

std::string another_cluster(const store::Store& store, const store::Snapshot& snapshot) {
  const std::string& cluster = snapshot.manifest.cluster;
  const core::ClusterIdentity& found = snapshot.manifest.identity;
  const std::vector<store::Snapshot> snapshots = store.list(cluster);
  const auto ours = std::find_if(snapshots.rbegin(), snapshots.rend(),
                                 [](const store::Snapshot& one) { return !one.of_another_cluster; });
  const std::string kept =
      ours == snapshots.rend()
          ? "no snapshot of that is left"
          : fmt::format("{0}/latest is still {1}. If that one counts: drill restore {0}/latest --to {0}", cluster,
                        ours->full_name());
  return fmt::format(
      "it is of another cluster ({}) than the series {} ({}): was the node reinstalled, or does the host lead "
      "elsewhere? It is kept, and {}; if the new one counts from now on: drill series {} --is {}",
      core::describe(found), cluster, core::describe(store.series(cluster).value_or(core::ClusterIdentity())), kept,
      cluster, found.kube_system_uid.empty() ? found.ca_sha256 : found.kube_system_uid);
}

Action declare_series(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("CLUSTER", options->cluster, "Whose series")->required();
  app.add_option("--is", options->is,
                 "From now on the series is of the cluster whose kube-system has this uid; its beginning is enough")
      ->type_name("UID");
  return [options](const Globals& globals) { return series(globals, *options); };
}

}  // namespace cli
