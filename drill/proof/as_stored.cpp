#include "drill/proof/as_stored.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.hpp"

namespace drill {
namespace {

std::string_view version_of(const verifier::Object& object) {
  return object.api_version.substr(object.api_version.find('/') + 1);
}

bool is_one_of(std::string_view version, const std::vector<std::string>& versions) {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

}  // namespace

std::set<std::string> defined_resources(const verifier::ObjectList& objects) {
  std::set<std::string> defined;
  for (const verifier::Object& object : objects)
    if (object.resource == kDefinitions) defined.emplace(object.name);
  return defined;
}

StoredVersions::StoredVersions(const verifier::ObjectList& objects) {
  for (const verifier::Object& object : objects) {
    if (object.api_version.empty()) continue;
    const auto [known, is_new] = versions_.emplace(object.resource, version_of(object));
    if (!is_new && known->second != version_of(object)) mixed_.insert(known->first);
  }
}

std::string StoredVersions::choose(const std::string& resource, const std::vector<std::string>& served) const {
  const auto stored = versions_.find(resource);
  return stored != versions_.end() && is_one_of(stored->second, served) ? std::string(stored->second) : served.front();
}

bool StoredVersions::need_conversion(const std::string& resource, const std::vector<std::string>& served) const {
  const auto stored = versions_.find(resource);
  return stored != versions_.end() && (mixed_.count(resource) != 0 || !is_one_of(stored->second, served));
}

std::optional<WebhookVersions> webhook_versions(ApiClient& api, const std::string& resource,
                                                const MayRetry& may_retry) {
  ServedAnswer definition;
  read_patiently(api, {path_of({kDefinitions, "v1"}, {}, resource)}, may_retry,
                 [&](std::size_t, ServedAnswer&& answer) { definition = std::move(answer); });
  if (!definition.ok())
    throw core::Error(core::ErrorKind::unreachable, fmt::format("reading the definition of {}: {} {}", resource,
                                                                definition.status, definition.message));
  try {
    const nlohmann::json spec = nlohmann::json::parse(definition.body).at("spec");
    if (!spec.contains("conversion") || spec["conversion"].at("strategy") != "Webhook") return std::nullopt;
    WebhookVersions versions;
    for (const nlohmann::json& version : spec.at("versions"))
      (version.at("served") ? versions.served : versions.not_served).push_back(version.at("name"));
    return versions;
  } catch (const nlohmann::json::exception& error) {
    throw core::Error(core::ErrorKind::damaged, fmt::format("the definition of {}: {}", resource, error.what()));
  }
}

void read_one_by_one(ApiClient& api, const verifier::ObjectList& objects, const std::string& resource,
                     std::string_view namespace_name, const WebhookVersions& versions, const MayRetry& may_retry,
                     const std::function<void(const verifier::Object&, ServedAnswer&&)>& take,
                     const std::function<void(const verifier::Object&)>& leave) {
  std::vector<verifier::Object> asked;
  std::vector<std::string> paths;
  for (const verifier::Object& object : objects) {
    if (object.resource != resource || (!namespace_name.empty() && object.namespace_name != namespace_name)) continue;
    if (is_one_of(version_of(object), versions.not_served)) {
      leave(object);
      continue;
    }
    // The server says what it has against a version that it does not know.
    const std::string version =
        is_one_of(version_of(object), versions.served) ? std::string(version_of(object)) : versions.served.front();
    asked.push_back(object);
    paths.push_back(path_of({resource, version}, object.namespace_name, object.name));
  }
  read_patiently(api, paths, may_retry,
                 [&](std::size_t i, ServedAnswer&& answer) { take(asked[i], std::move(answer)); });
}

}  // namespace drill
