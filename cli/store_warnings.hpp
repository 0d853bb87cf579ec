// What is strange about the snapshots of a cluster, for who looks at all of them: doctor, list and pull.
// What it does not do: read a database. What one snapshot has lost, its own line says.
#pragma once

#include <string>
#include <vector>

#include "store/store.hpp"

namespace cli {

/// `snapshots`: all of `cluster`, as the store lists them.
std::vector<std::string> store_warnings(const store::Store& store, const std::string& cluster,
                                        const std::vector<store::Snapshot>& snapshots);

}  // namespace cli
