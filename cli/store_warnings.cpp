#include "cli/store_warnings.hpp"

#include <fmt/format.h>

#include "store/order.hpp"

namespace cli {

std::vector<std::string> store_warnings(const store::Store& store, const std::string& cluster,
                                        const std::vector<store::Snapshot>& snapshots) {
  std::vector<std::string> warnings;
  if (const auto future = store::from_the_future(snapshots, core::utc_now())) warnings.push_back(*future);
  for (const std::string& name : store.without_manifest(cluster))
    warnings.push_back(
        fmt::format("{}/{} has no manifest.json and counts as no snapshot: bring the file back from a copy "
                    "of the store, or remove the directory",
                    cluster, name));
  return warnings;
}

}  // namespace cli
