#include "core/cluster_identity.hpp"

#include "core/printable.hpp"
#include "core/utf8.hpp"

namespace core {

bool are_different(const ClusterIdentity& one, const ClusterIdentity& other) {
  if (!one.kube_system_uid.empty() && !other.kube_system_uid.empty())
    return one.kube_system_uid != other.kube_system_uid;
  return !one.ca_sha256.empty() && !other.ca_sha256.empty() && one.ca_sha256 != other.ca_sha256;
}

std::string describe(const ClusterIdentity& identity) {
  if (!identity.known()) return "not known";
  std::string text;
  if (!identity.kube_system_uid.empty()) text = "kube-system " + identity.kube_system_uid;
  if (!identity.ca_sha256.empty())
    text += (text.empty() ? "CA " : ", CA ") + std::string(first_columns(printable(identity.ca_sha256), 12));
  return text;
}

}  // namespace core
