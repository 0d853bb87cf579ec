// Which cluster something is of: what k3s makes once, when the cluster begins. A snapshot, a database and a restored
// API tell it; store and drill compare. Values only. What it does not do: read any of them.
#pragma once

#include <string>

namespace core {

struct ClusterIdentity {
  std::string kube_system_uid;  // of the namespace; empty: not known
  std::string ca_sha256;        // of the server CA's file, lower-case hex; empty: not known

  bool known() const { return !kube_system_uid.empty() || !ca_sha256.empty(); }
  bool operator==(const ClusterIdentity&) const = default;
};

/// Whether the two are known to be different clusters. The uid decides: a CA may be rotated, and may be kept for a new
/// cluster. Only where a uid is not known, the CAs do; and what is not known differs from nothing.
bool are_different(const ClusterIdentity& one, const ClusterIdentity& other);

/// "kube-system 0c1d..., CA 9f86d081884c": what of it is known, for a person.
std::string describe(const ClusterIdentity& identity);

}  // namespace core
