// Reading a snapshot's objects from an API in the versions that they are stored in, so that nothing has to be
// converted. Between the versions of a custom resource a webhook may convert, which is out of reach in a sandbox: a
// list of them is refused whole when one object needs that. Used by the proof and by the export. What it does not do:
// compare, or check.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "drill/engine/patience.hpp"
#include "verifier/objects/objects.hpp"

namespace drill {

inline constexpr const char* kDefinitions = "customresourcedefinitions.apiextensions.k8s.io";

/// The custom resources that a snapshot holds a definition of: each definition has the name of what it defines.
std::set<std::string> defined_resources(const verifier::ObjectList& objects);

class StoredVersions {
 public:
  /// `objects` must live as long.
  explicit StoredVersions(const verifier::ObjectList& objects);

  /// The version that objects of `resource` are stored in, where it is one of `served`, else the first of these.
  std::string choose(const std::string& resource, const std::vector<std::string>& served) const;

  /// Whether a list of `resource` has to convert one object at least.
  bool need_conversion(const std::string& resource, const std::vector<std::string>& served) const;

 private:
  std::unordered_map<std::string_view, std::string_view> versions_;
  std::set<std::string_view> mixed_;  // stored in more than one
};

/// The versions of a custom resource, as its definition names them.
struct WebhookVersions {
  std::vector<std::string> served;
  std::vector<std::string> not_served;
};

/// Those of `resource`, "widgets.shop.example.com", where a webhook converts between them. Throws: as
/// ApiClient::read_all; unreachable, damaged for a definition that cannot be read.
std::optional<WebhookVersions> webhook_versions(ApiClient& api, const std::string& resource, const MayRetry& may_retry);

/// Reads each object of `resource`, in one namespace or (empty) in all, in its own version. One whose version is not
/// served is not asked for: `leave` gets it. Throws: as ApiClient::read_all.
void read_one_by_one(ApiClient& api, const verifier::ObjectList& objects, const std::string& resource,
                     std::string_view namespace_name, const WebhookVersions& versions, const MayRetry& may_retry,
                     const std::function<void(const verifier::Object&, ServedAnswer&&)>& take,
                     const std::function<void(const verifier::Object&)>& leave);

}  // namespace drill
