// Reading a snapshot's objects from an API in the versions that they are stored in: nothing has to be converted then,
// and no conversion webhook is needed, which a sandbox has not. Used by the proof and by the export.
// What it does not do: compare, or judge.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "drill/api.hpp"
#include "verifier/objects.hpp"

namespace drill {

/// Asked when something is not served yet: waits a moment and says whether to try again.
using MayRetry = std::function<bool()>;

class StoredVersions {
 public:
  /// `objects` must live as long.
  explicit StoredVersions(const verifier::ObjectList& objects);

  /// The version that objects of `resource` are stored in, where it is one of `served`, else the first of these.
  std::string choose(const std::string& resource, const std::vector<std::string>& served) const;

  /// Whether objects of `resource` are stored in more than one version.
  bool differ(const std::string& resource) const { return mixed_.count(resource) != 0; }

  /// Whether a list of `resource` has to convert one at least.
  bool need_conversion(const std::string& resource, const std::vector<std::string>& served) const;

 private:
  std::unordered_map<std::string_view, std::string_view> versions_;
  std::set<std::string_view> mixed_;
};

/// The answers to `paths`; those that are not ready yet are asked again. Throws: as ApiClient::read_all.
std::vector<ServedAnswer> read_patiently(ApiClient& api, const std::vector<std::string>& paths,
                                         const MayRetry& may_retry);

struct StoredObject {
  verifier::Object object;
  bool served_as_stored = false;
  ServedAnswer answer;

  /// Only a webhook could convert it to a version that is served, and none has.
  bool unconverted() const { return !served_as_stored && answer.status >= 500; }
};

/// Reads each object of `resource`, in one namespace or (empty) in all, in its own version where that is one of
/// `served`, else in the first of these. A list is refused whole when one of its objects has to be converted and cannot
/// be. Throws: as ApiClient::read_all.
std::vector<StoredObject> read_one_by_one(ApiClient& api, const verifier::ObjectList& objects,
                                          std::string_view resource, std::string_view namespace_name,
                                          const std::vector<std::string>& served, const MayRetry& may_retry);

}  // namespace drill
