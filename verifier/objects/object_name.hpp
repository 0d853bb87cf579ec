// What a person calls an object: RESOURCE/NAMESPACE/NAME, RESOURCE/NAME when it is in no namespace, or its raw key.
// Matched against parsed keys, so that there is one table of how keys are made (resource.hpp).
#pragma once

#include <string>
#include <string_view>

#include "verifier/kine/resource.hpp"

namespace verifier {

struct ObjectName {
  std::string key;             // raw; then the rest is empty
  std::string plural;          // kubectl's
  std::string group;           // empty: any
  std::string namespace_name;  // empty: none
  std::string name;

  /// Whether the object at `key` may be meant. A key without a group in it fits whatever the group asked for: only its
  /// value says which it is, see fits().
  bool may_mean(std::string_view key) const;
  /// Whether an object stored as `api_version` at `key` is of the group asked for; an empty one fits.
  bool fits(std::string_view key, std::string_view api_version) const;
};

/// "secrets/team-007/db", "deployments.apps/shop/web", "namespaces/shop", "/registry/secrets/team-007/db"; kubectl's
/// usual short names and singulars too. Throws: usage, showing the forms there are.
ObjectName parse_object_name(std::string_view text);

/// "secrets/team-007/db": the form above.
std::string object_path(std::string_view resource, std::string_view namespace_name, std::string_view name);

/// kubectl's plural for a short name or a singular of the resources every cluster has ("deploy", "secret"), with its
/// group as it came; anything else as it is.
std::string full_resource(std::string_view resource);

/// Whether `resource` ("deployments.apps") is what `requested` asks for: the same, or the same without its group.
bool is_resource(std::string_view resource, std::string_view requested);

}  // namespace verifier
