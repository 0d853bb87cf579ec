// Whether what the snapshot holds is still there once the control plane runs. The proof of objects looks at the
// snapshot's revision, at which nothing can go missing any more: what a control plane deletes while it starts, it
// deletes after that. Counts only, through kine's etcd interface, directory by directory.
// What it does not do: say which object went (drift.hpp does, with controllers).
#pragma once

#include <filesystem>

#include "drill/proof/datastore_proof.hpp"

namespace drill {

/// `database` is the snapshot's file. Events, leases and Kubernetes' own keys come and go, and are left out. A kind
/// that lost so much that a census would call it a loss, or all it had, is an error; less is a warning. What kine does
/// not answer makes it skipped, with the reason. Throws: damaged, storage, cancelled.
core::Check prove_kept(const DatastoreAccess& access, const std::filesystem::path& database);

}  // namespace drill
