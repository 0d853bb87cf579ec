// Asking an API server again for what it is not ready to serve: the storage of a custom resource is made when it is
// first asked for, so a list of one may be refused for some seconds after /readyz is ok. Whatever is asked of a
// restored API goes through here. What it does not do: set the bound, which is the caller's.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drill/engine/api.hpp"

namespace drill {

/// Asked when something is not served yet: waits a little and says whether to try again. No Retry-After is waited for:
/// it counts whole seconds, where a storage is mostly ready in a fraction of one.
using MayRetry = std::function<bool()>;

/// As ApiClient::send, again and again while the answer is not_yet(): then nothing was done.
ServedAnswer send_patiently(ApiClient& api, const std::string& method, const std::string& path, const std::string& body,
                            const MayRetry& may_retry);

/// The answers to `paths`, by their index and in any order; those that are not ready yet are asked again. Throws: as
/// ApiClient::read_all.
void read_patiently(ApiClient& api, const std::vector<std::string>& paths, const MayRetry& may_retry,
                    const std::function<void(std::size_t, ServedAnswer&&)>& take);

/// The lists of `requested`, by resource; those that `may_come` are asked for again. Throws: as ApiClient::list.
std::map<std::string, ServedList> list_patiently(ApiClient& api, std::vector<ListedResource> requested,
                                                 std::optional<core::Revision> revision,
                                                 const std::function<bool(const ServedList&)>& may_come,
                                                 const MayRetry& may_retry);

}  // namespace drill
