// Equality: every object of the snapshot against what the restored API serves at the snapshot's own revision.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/finding.hpp"
#include "drill/engine/api.hpp"
#include "verifier/verify.hpp"

namespace drill {

/// expected == matched + missing + different + unread.
struct Equality {
  std::uint64_t expected = 0;
  std::uint64_t matched = 0;
  std::uint64_t missing = 0;
  std::uint64_t unexpected = 0;
  std::uint64_t different = 0;        // another uid or resourceVersion
  std::uint64_t unread = 0;           // of resources that the server was not ready to list
  std::vector<std::string> examples;  // "missing: pods team-000/web-1", a few of each kind
  std::vector<core::Finding> findings;

  bool equal() const { return matched == expected && unexpected == 0; }
};

/// A sealed object has no uid to compare, then its resourceVersion alone decides. An object served under a second group
/// as well (events) is the same object by its uid and not unexpected.
Equality compare(const std::vector<verifier::Object>& expected, const std::vector<ServedList>& served);

/// Check `objects`: fails when there is an error among what was found; where objects were not read and nothing else is
/// wrong, it could not run.
core::Check check_of(const Equality& equality);

}  // namespace drill
