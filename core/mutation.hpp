// Points at which a build of the tests can do the procedure wrongly, one at a time: $DRILL_MUTANT names it. They show
// that a case of scenarios/ notices. In any other build none of this is there (cmake --preset mutants).
#pragma once

#include <array>
#include <string_view>

namespace core {

struct Mutant {
  std::string_view name;
  std::string_view tag;    // of the cases that are about it
  std::string_view about;  // what is left out, or done wrongly
};

inline constexpr std::array kMutants{
    Mutant{"pull-any-host-key", "network", "the node's host key is not compared with known_hosts"},
    Mutant{"pull-any-place", "pull", "it is not asked whether k3s uses the database that is pulled"},
    Mutant{"pull-no-token", "pull", "the token is not stored"},
    Mutant{"store-any-cluster", "store", "a snapshot of another cluster counts as one of the series"},
    Mutant{"store-no-lock", "store", "two commands may change a cluster's snapshots at once"},
    Mutant{"store-no-order", "store", "snapshots are in the order of their names, whatever the clock did"},
    Mutant{"store-no-flush", "store", "what is published is not flushed to disk"},
    Mutant{"store-no-rename", "store", "a snapshot has its name before it is whole"},
    Mutant{"store-no-check", "store", "what was packed is not compared with what was announced"},
    Mutant{"store-open-modes", "store", "everybody may read what is stored"},
    Mutant{"store-no-retention", "store", "nothing is ever removed"},
    Mutant{"restore-any-snapshot", "restore", "the snapshot is not verified before the node is changed"},
    Mutant{"restore-no-claim", "restore", "a second restore may begin while one is at work"},
    Mutant{"restore-no-stop", "restore", "k3s is not stopped, nor waited for"},
    Mutant{"restore-keep-wal", "restore", "the old -wal stays beside the new database"},
    Mutant{"restore-keep-tls", "restore", "certificates and keys of the cluster that was there stay"},
    Mutant{"restore-no-token", "restore", "the token that was there stays"},
    Mutant{"restore-open-mode", "restore", "everybody may read the database that was placed"},
    Mutant{"restore-no-bump", "restore", "the revision is not moved beyond what clients have seen"},
    Mutant{"restore-no-start", "restore", "k3s is not started"},
    Mutant{"restore-no-proof", "restore", "what the restored cluster serves is not compared"},
    Mutant{"restore-no-rollback", "restore", "a restore that failed is not taken back"},
    Mutant{"restore-no-hash", "restore", "what arrived on the node is not compared with what was sent"},
    Mutant{"run-any-age", "run", "it is not asked how old the newest snapshot is"},
    Mutant{"run-no-compare", "run", "the restored objects are not compared"},
    Mutant{"run-no-watch", "run", "a control plane that dies after it was ready is not noticed"},
};

#ifdef DRILL_MUTANTS
inline constexpr bool kMutantsBuilt = true;
/// Whether the point is to do it wrongly.
bool mutated(std::string_view name) noexcept;
#else
inline constexpr bool kMutantsBuilt = false;
constexpr bool mutated(std::string_view) noexcept { return false; }
#endif

}  // namespace core
