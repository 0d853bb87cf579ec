// The heart of the proof: everything a restored API serves as of one revision, held against everything the snapshot
// holds. Used by the drill in its sandbox and by a real restore through its tunnel.
// What it does not do: time anything, or decide a verdict.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drill/engine/api.hpp"
#include "drill/proof/as_stored.hpp"
#include "drill/proof/compare.hpp"
#include "verifier/verify.hpp"

namespace drill {

struct Listing {
  std::vector<ServedList> lists;       // of every resource that can be listed
  std::vector<std::string> absent;     // resources of the snapshot that are not served, and should be
  std::vector<std::string> left_over;  // and those that no cluster can serve: of a removed API, or without definition
  // And objects that only a webhook could convert to a served version: resource to versions they are stored in.
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> unconverted;
};

/// Whether the webhooks that convert custom resources can be called: not in a sandbox.
enum class Webhooks { out_of_reach, may_come };

/// Lists all that is served as of exactly `revision`, or now. A resource may be served, and its storage be ready, a
/// little after /readyz: custom resources come one by one. Those that only a webhook could convert to one version are
/// read object by object, as they are now, where it is out of reach. Throws: unreachable, timeout, damaged, cancelled.
Listing list_objects(ApiClient& api, const verifier::Verification& snapshot, std::optional<core::Revision> revision,
                     Webhooks webhooks, const MayRetry& may_retry);

/// Compares a listing with the snapshot; what is absent is an error. What is left over or unconverted is not compared,
/// and a warning.
Equality compare_with(const verifier::Verification& snapshot, const Listing& listing);

/// "check NAME: its first error", of a check that failed.
std::string failure_of(const core::Check& check);

/// Both in one, of a cluster whose webhooks may come.
Equality prove_objects(ApiClient& api, const verifier::Verification& snapshot, core::Revision revision,
                       const MayRetry& may_retry);

}  // namespace drill
