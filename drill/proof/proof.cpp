#include "drill/proof/proof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace drill {
namespace {

// For resources of which the snapshot holds no object: what they list can only be too much.
constexpr std::chrono::seconds kPatienceForNothing{10};

// Kubernetes' own groups with a dot; definitions of others, such as gateway.networking.k8s.io, may end like them.
constexpr std::array<std::string_view, 18> kOwnGroups{"admissionregistration.k8s.io",
                                                      "apiextensions.k8s.io",
                                                      "apiregistration.k8s.io",
                                                      "authentication.k8s.io",
                                                      "authorization.k8s.io",
                                                      "certificates.k8s.io",
                                                      "coordination.k8s.io",
                                                      "discovery.k8s.io",
                                                      "events.k8s.io",
                                                      "flowcontrol.apiserver.k8s.io",
                                                      "internal.apiserver.k8s.io",
                                                      "networking.k8s.io",
                                                      "node.k8s.io",
                                                      "rbac.authorization.k8s.io",
                                                      "resource.k8s.io",
                                                      "scheduling.k8s.io",
                                                      "storage.k8s.io",
                                                      "storagemigration.k8s.io"};

// No cluster of this version can serve it: a built-in API that Kubernetes has removed, or a custom resource without its
// definition. Source: kubernetes.io/docs/reference/using-api/deprecation-guide, and the release notes
// of 1.20, 1.31, 1.32.
bool is_left_over(const std::string& resource, const std::set<std::string>& defined) {
  constexpr std::array<std::string_view, 5> kRemoved{"podsecuritypolicy.policy", "podsecuritypolicy.extensions",
                                                     "podpresets.settings.k8s.io", "resourceclasses.resource.k8s.io",
                                                     "podschedulingcontexts.resource.k8s.io"};
  if (std::find(kRemoved.begin(), kRemoved.end(), resource) != kRemoved.end()) return true;
  const std::size_t dot = resource.find('.');
  if (dot == std::string::npos) return false;
  const std::string_view group = std::string_view(resource).substr(dot + 1);
  const bool custom = group.find('.') != std::string_view::npos &&
                      std::find(kOwnGroups.begin(), kOwnGroups.end(), group) == kOwnGroups.end();
  return custom && defined.count(resource) == 0;
}

// In place of a list, which would be refused: objects as they are now, without any that the snapshot does not name.
ServedList read_instead(ApiClient& api, const verifier::ObjectList& objects, const std::string& resource,
                        const WebhookVersions& versions, const MayRetry& may_retry, Listing& listing) {
  ServedList list;
  list.resource = resource;
  list.status = 200;
  list.message = "a webhook that is out of reach converts between the versions that they are stored in";
  bool refused = false;
  read_one_by_one(
      api, objects, resource, {}, versions, may_retry,
      [&](const verifier::Object& object, ServedAnswer&& answer) {
        if (answer.ok())
          list.objects.push_back(metadata_of(answer.body));
        else if (!std::exchange(refused, true))
          list.message += fmt::format("; {} cannot be read (HTTP {}): {}", object.name, answer.status, answer.message);
      },
      [&](const verifier::Object& object) { listing.unconverted[resource].emplace(object.api_version); });
  return list;
}

}  // namespace

Listing list_objects(ApiClient& api, const verifier::Verification& snapshot, std::optional<core::Revision> revision,
                     Webhooks webhooks, const MayRetry& may_retry) {
  Listing listing;
  const auto& expected = snapshot.census.by_resource;
  const std::set<std::string> defined = defined_resources(snapshot.objects);
  std::map<std::string, std::vector<std::string>> served;
  do {
    served = api.discover();
    listing.absent.clear();
    listing.left_over.clear();
    for (const auto& [resource, count] : expected)
      if (served.count(resource) == 0)
        (is_left_over(resource, defined) ? listing.left_over : listing.absent).push_back(resource);
  } while (!listing.absent.empty() && may_retry());

  const StoredVersions stored(snapshot.objects);
  std::map<std::string, WebhookVersions> converted;
  std::vector<ListedResource> requested;
  for (const auto& [resource, versions] : served) {
    if (defined.count(resource) != 0 && stored.need_conversion(resource, versions))
      if (std::optional<WebhookVersions> found = webhook_versions(api, resource, may_retry))
        converted.emplace(resource, std::move(*found));
    if (webhooks == Webhooks::may_come || converted.count(resource) == 0)
      requested.push_back({resource, stored.choose(resource, versions)});
  }
  const auto patience_for_nothing = std::chrono::steady_clock::now() + kPatienceForNothing;
  std::map<std::string, ServedList> lists = list_patiently(
      api, std::move(requested), revision,
      [&](const ServedList& list) {
        if (expected.count(list.resource) == 0)
          return list.storage_not_ready() && std::chrono::steady_clock::now() < patience_for_nothing;
        // Without its webhook a list is refused as an internal error, or by newer servers as one that is not ready.
        return list.not_yet() || ((list.status == 429 || list.status >= 500) && converted.count(list.resource) != 0);
      },
      may_retry);
  for (const auto& [resource, versions] : converted) {
    if (webhooks == Webhooks::out_of_reach) {
      lists[resource] = read_instead(api, snapshot.objects, resource, versions, may_retry, listing);
    } else if (lists[resource].status != 200) {  // the webhook has not come
      lists.erase(resource);
      for (const verifier::Object& object : snapshot.objects)
        if (object.resource == resource) listing.unconverted[resource].emplace(object.api_version);
    }
  }
  for (auto& [resource, list] : lists) listing.lists.push_back(std::move(list));
  return listing;
}

Equality compare_with(const verifier::Verification& snapshot, const Listing& listing) {
  const std::set<std::string_view> left_over(listing.left_over.begin(), listing.left_over.end());
  std::vector<verifier::Object> comparable;
  std::size_t without_api = 0;
  std::size_t without_webhook = 0;
  for (const verifier::Object& object : snapshot.objects) {
    const auto unconverted = listing.unconverted.find(object.resource);
    if (left_over.count(object.resource) != 0)
      ++without_api;
    else if (unconverted != listing.unconverted.end() && unconverted->second.count(object.api_version) != 0)
      ++without_webhook;
    else
      comparable.push_back(object);
  }
  Equality equality = compare(comparable, listing.lists);
  const auto say = [&](core::Severity severity, std::string message) {
    equality.findings.push_back({severity, std::move(message), {}, {}});
  };
  if (!listing.absent.empty())
    say(core::Severity::error, fmt::format("the restored API does not serve: {}", fmt::join(listing.absent, ", ")));
  if (without_api != 0)
    say(core::Severity::warning,
        fmt::format("objects not compared, as Kubernetes has removed their API or the snapshot holds no definition of "
                    "it: {} of {}",
                    without_api, fmt::join(listing.left_over, ", ")));
  if (without_webhook != 0) {
    std::vector<std::string> resources;
    for (const auto& [resource, versions] : listing.unconverted) resources.push_back(resource);
    say(core::Severity::warning,
        fmt::format("objects not compared through the API, as the webhook that converts between their versions was not "
                    "to be reached: {} of {}",
                    without_webhook, fmt::join(resources, ", ")));
  }
  return equality;
}

std::string failure_of(const core::Check& check) {
  const auto error = std::find_if(check.findings.begin(), check.findings.end(), [](const core::Finding& finding) {
    return finding.severity == core::Severity::error;
  });
  return fmt::format("check {}: {}", check.name, error != check.findings.end() ? error->message : "failed");
}

Equality prove_objects(ApiClient& api, const verifier::Verification& snapshot, core::Revision revision,
                       const MayRetry& may_retry) {
  return compare_with(snapshot, list_objects(api, snapshot, revision, Webhooks::may_come, may_retry));
}

}  // namespace drill
