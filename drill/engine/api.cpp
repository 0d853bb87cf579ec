#include "drill/engine/api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "drill/engine/kubeconfig.hpp"
#include "drill/engine/protobuf.hpp"

namespace drill {
namespace {

using nlohmann::json;

constexpr std::string_view kListAccept =
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
constexpr std::string_view kDiscoveryAccept =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

std::string message_of(const HttpResponse& response) {
  const json status = json::parse(response.body, nullptr, false);
  if (status.is_object() && status.contains("message") && status["message"].is_string()) return status["message"];
  return response.body.substr(0, 200);
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// As in a JWK: without padding.
std::optional<core::Secret> decode_base64url(std::string text) {
  if (text.empty()) return std::nullopt;
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return core::decode_base64(text);
}

std::string escaped(std::string_view name) {
  std::string result;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       (c != '\0' && std::strchr("-._~:", c) != nullptr);
    result += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return result;
}

bool can(const json& resource, std::string_view verb) {
  const json& verbs = resource.at("verbs");
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

// Calls `take` with the full name, the version and what discovery says of each resource of an answer.
template <class Take>
void walk_discovery(const HttpResponse& response, const Take& take) {
  if (response.status != 200) throw core::Error(core::ErrorKind::unreachable, "discovery: " + message_of(response));
  try {
    const json document = json::parse(response.body);
    for (const json& group : document.at("items")) {
      const std::string name = group.at("metadata").value("name", "");
      for (const json& version : group.at("versions")) {
        if (!version.contains("resources")) continue;
        for (const json& resource : version.at("resources")) {
          const std::string plural = resource.at("resource");
          take(name.empty() ? plural : plural + "." + name, version.at("version").get<std::string>(), resource);
        }
      }
    }
  } catch (const json::exception& error) {
    throw core::Error(core::ErrorKind::damaged, std::string("discovery answers something else: ") + error.what());
  }
}

}  // namespace

std::string path_of(const ListedResource& resource, std::string_view namespace_name, std::string_view name) {
  const std::size_t dot = std::min(resource.name.find('.'), resource.name.size());
  std::string path = dot == resource.name.size()
                         ? fmt::format("/api/{}", resource.version)
                         : fmt::format("/apis/{}/{}", resource.name.substr(dot + 1), resource.version);
  if (!namespace_name.empty()) path += "/namespaces/" + escaped(namespace_name);
  path += "/" + resource.name.substr(0, dot);
  return name.empty() ? path : path + "/" + escaped(name);
}

ServedObject metadata_of(const std::string& body) {
  const json document = json::parse(body, nullptr, false);
  if (!document.is_object() || !document.contains("metadata") || !document["metadata"].is_object()) return {};
  const json& metadata = document["metadata"];
  ServedObject object{text_of(metadata, "namespace"), text_of(metadata, "name"), text_of(metadata, "uid"), {}};
  const std::string version = text_of(metadata, "resourceVersion");
  std::from_chars(version.data(), version.data() + version.size(), object.revision.value);
  return object;
}

ApiClient::ApiClient(const std::string& kubeconfig, std::function<core::Fd()> open_socket,
                     std::function<void()> meanwhile)
    : ApiClient(kubeconfig, [&] {
        HttpOptions options;
        options.open_socket = std::move(open_socket);
        options.meanwhile = std::move(meanwhile);
        return options;
      }()) {}

ApiClient::ApiClient(const std::string& kubeconfig, const std::filesystem::path& socket, unsigned connections)
    : ApiClient(kubeconfig, [&] {
        HttpOptions options;
        options.unix_socket = socket;
        options.connections = connections;
        return options;
      }()) {}

ApiClient::ApiClient(const std::string& kubeconfig, HttpOptions options) {
  const Kubeconfig config = parse_kubeconfig(kubeconfig);
  server_ = config.server;
  ca_pem_ = config.ca_pem;
  options.ca_pem = config.ca_pem;
  options.certificate_pem = config.certificate_pem;
  options.key_pem = config.key_pem.view();
  options.timeout = std::chrono::seconds(60);
  http_.emplace(std::move(options));
}

bool ApiClient::ready() {
  try {
    return http_->get(server_ + "/readyz").status == 200;
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::cancelled) throw;
    return false;
  }
}

std::map<std::string, std::vector<std::string>> ApiClient::discover() {
  std::map<std::string, std::vector<std::string>> resources;
  http_->get_all({server_ + "/api", server_ + "/apis"}, std::string(kDiscoveryAccept),
                 [&](std::size_t, HttpResponse&& response) {
                   walk_discovery(response, [&](std::string name, std::string version, const json& resource) {
                     if (can(resource, "list")) resources[std::move(name)].push_back(std::move(version));
                   });
                 });
  return resources;
}

std::vector<ServedResource> ApiClient::discover_kinds() {
  std::map<std::string, ServedResource> resources;
  http_->get_all({server_ + "/api", server_ + "/apis"}, std::string(kDiscoveryAccept),
                 [&](std::size_t, HttpResponse&& response) {
                   walk_discovery(response, [&](std::string name, std::string version, const json& resource) {
                     if (!can(resource, "list") || !can(resource, "create")) return;
                     ServedResource& served = resources[name];
                     served.versions.push_back(std::move(version));
                     if (served.versions.size() > 1) return;
                     served.name = std::move(name);
                     served.kind = resource.at("responseKind").at("kind");
                     served.namespaced = resource.at("scope") == "Namespaced";
                     served.other_names = resource.value("shortNames", std::vector<std::string>());
                     served.other_names.push_back(resource.value("singularResource", ""));
                   });
                 });
  std::vector<ServedResource> found;
  for (auto& [name, resource] : resources) found.push_back(std::move(resource));
  return found;
}

std::vector<ServedList> ApiClient::list(const std::vector<ListedResource>& resources,
                                        std::optional<core::Revision> revision) {
  const std::string as_of =
      revision ? fmt::format("?resourceVersion={}&resourceVersionMatch=Exact", revision->value) : std::string();
  std::vector<std::string> urls;
  for (const ListedResource& resource : resources) urls.push_back(server_ + path_of(resource) + as_of);
  std::vector<ServedList> lists(resources.size());
  http_->get_all(urls, std::string(kListAccept), [&](std::size_t i, HttpResponse&& response) {
    ServedList& list = lists[i];
    list.resource = resources[i].name;
    list.status = response.status;
    if (list.status != 200) {
      list.message = response.body.starts_with('{') ? message_of(response) : read_status_message(response.body);
      return;
    }
    core::in_context("listing " + list.resource, [&] {
      read_metadata_list(response.body, [&](const ServedMetadata& object) {
        list.objects.push_back(
            {std::string(object.namespace_name), std::string(object.name), std::string(object.uid), object.revision});
      });
    });
  });
  return lists;
}

std::vector<std::string> ApiClient::failing_health_checks() {
  const HttpResponse response = http_->get(server_ + "/readyz?verbose");
  std::vector<std::string> failing;
  std::istringstream lines(response.body);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("[-]")) failing.push_back(line.substr(3));
  if (failing.empty() && response.status != 200)
    failing.push_back(fmt::format("readyz answers {}: {}", response.status, response.body.substr(0, 200)));
  return failing;
}

std::vector<std::string> ApiClient::service_account_keys() {
  const HttpResponse response = http_->get(server_ + "/openid/v1/jwks");
  std::vector<std::string> hashes;
  if (response.status != 200) return hashes;
  const json set = json::parse(response.body, nullptr, false);
  if (!set.is_object() || !set.contains("keys") || !set["keys"].is_array()) return hashes;
  for (const json& key : set["keys"]) {
    const auto hash = key.is_object() ? decode_base64url(text_of(key, "kid")) : std::nullopt;
    if (!hash) continue;
    hashes.emplace_back();
    for (const char byte : hash->view()) hashes.back() += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return hashes;
}

ServedAnswer ApiClient::send(const std::string& method, const std::string& path, const std::string& body) {
  HttpRequest request;
  request.method = method;
  request.url = server_ + path;
  request.body = body;
  request.body_type = "application/json";
  request.accept = "application/json";
  HttpResponse response = http_->send(request);
  ServedAnswer answer;
  answer.status = response.status;
  if (!answer.ok()) answer.message = message_of(response);
  ServedObject object = metadata_of(response.body);
  answer.uid = std::move(object.uid);
  answer.revision = object.revision;
  answer.body = std::move(response.body);
  return answer;
}

void ApiClient::read_all(const std::vector<std::string>& paths,
                         const std::function<void(std::size_t, ServedAnswer&&)>& take) {
  std::vector<std::string> urls;
  for (const std::string& path : paths) urls.push_back(server_ + path);
  http_->get_all(urls, "application/json", [&](std::size_t i, HttpResponse&& response) {
    ServedAnswer answer;
    answer.status = response.status;
    if (!answer.ok()) answer.message = message_of(response);
    answer.body = std::move(response.body);
    take(i, std::move(answer));
  });
}

}  // namespace drill
