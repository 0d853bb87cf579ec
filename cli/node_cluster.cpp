#include "cli/node_cluster.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/scratch_dir.hpp"
#include "puller/pull.hpp"
#include "store/store.hpp"
#include "verifier/new_cluster.hpp"

namespace cli {
namespace {

constexpr std::uint64_t kLargest = 256U << 20U;

}  // namespace

restorer::OtherCluster look_into_cluster(puller::Target target, std::uint64_t size_bytes) {
  restorer::OtherCluster other;
  target.no_token = puller::NoToken::accepted;
  if (size_bytes > kLargest) {
    other.problem = fmt::format("with {} MiB it is too large for a new one", size_bytes >> 20U);
    return other;
  }
  try {
    const core::ScratchDir scratch;
    store::Store store(scratch.path() / "store");
    const store::ClusterLock lock = store.lock(target.cluster);
    const store::Snapshot pulled = puller::pull(target, store).snapshot;
    const std::filesystem::path database = scratch.path() / store::kDatabaseFile;
    store.extract(pulled, database);
    verifier::ClusterContent content = verifier::read_cluster_content(database);
    other.kube_system_uid = std::move(content.kube_system_uid);
    other.made_at = content.made_at;
    other.objects = content.objects;
    other.of_somebody = std::move(content.of_somebody);
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::cancelled) throw;
    other.problem = error.what();
  }
  return other;
}

}  // namespace cli
