#include "drill/api.hpp"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "core/yaml.hpp"

namespace drill {
namespace {

using nlohmann::json;

constexpr std::string_view kListAccept =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
constexpr std::string_view kDiscoveryAccept =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

core::Secret decoded(const core::YamlNode* node, std::string_view key) {
  const core::YamlNode* field = node != nullptr ? node->find(key) : nullptr;
  std::optional<core::Secret> bytes = field != nullptr ? core::decode_base64(field->scalar) : std::nullopt;
  if (!bytes) throw core::Error(core::ErrorKind::damaged, fmt::format("the kubeconfig has no {}", key));
  return std::move(*bytes);
}

// clusters[0].cluster, users[0].user
const core::YamlNode* first_item(const core::YamlNode& config, std::string_view list, std::string_view item) {
  const core::YamlNode* found = config.find(list);
  return found != nullptr && !found->items.empty() ? found->items.front().find(item) : nullptr;
}

// Takes items[].metadata.{namespace,name,uid,resourceVersion} from a list, skipping the rest as it streams by.
class ListHandler : public json::json_sax_t {
 public:
  explicit ListHandler(std::vector<ServedObject>& objects) : objects_(objects) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }

  bool key(string_t& name) override {
    if (depth_ == 1) in_items_ = name == "items";
    if (depth_ == 3) in_metadata_ = in_items_ && name == "metadata";
    if (depth_ == 4) field_ = in_metadata_ ? field(name) : Field::other;
    return true;
  }
  bool string(string_t& value) override {
    if (depth_ != 4 || !in_metadata_) return true;
    ServedObject& object = objects_.back();
    if (field_ == Field::namespace_name) object.namespace_name = std::move(value);
    if (field_ == Field::name) object.name = std::move(value);
    if (field_ == Field::uid) object.uid = std::move(value);
    if (field_ == Field::revision) std::from_chars(value.data(), value.data() + value.size(), object.revision.value);
    return true;
  }
  bool start_object(std::size_t) override {
    if (++depth_ == 3 && in_items_) objects_.emplace_back();
    return true;
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override {
    ++depth_;
    return true;
  }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override { return false; }

 private:
  enum class Field { other, namespace_name, name, uid, revision };

  static Field field(const std::string& name) {
    if (name == "namespace") return Field::namespace_name;
    if (name == "name") return Field::name;
    if (name == "uid") return Field::uid;
    return name == "resourceVersion" ? Field::revision : Field::other;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::vector<ServedObject>& objects_;
  int depth_ = 0;  // 1: the list, 2: items, 3: an item, 4: its metadata
  bool in_items_ = false;
  bool in_metadata_ = false;
  Field field_ = Field::other;
};

std::string message_of(const HttpResponse& response) {
  const json status = json::parse(response.body, nullptr, false);
  if (status.is_object() && status.contains("message") && status["message"].is_string()) return status["message"];
  return response.body.substr(0, 200);
}

bool can_list(const json& resource) {
  for (const json& verb : resource.at("verbs"))
    if (verb == "list") return true;
  return false;
}

}  // namespace

ApiClient::ApiClient(const std::string& kubeconfig, std::function<core::Fd()> open_socket) {
  const core::YamlNode config = core::parse_yaml(kubeconfig, "kubeconfig");
  const core::YamlNode* cluster = first_item(config, "clusters", "cluster");
  const core::YamlNode* user = first_item(config, "users", "user");
  ca_pem_ = decoded(cluster, "certificate-authority-data").view();
  if (const core::YamlNode* server = cluster->find("server")) server_ = server->scalar;
  HttpOptions options;
  options.ca_pem = ca_pem_;
  options.certificate_pem = decoded(user, "client-certificate-data").view();
  options.key_pem = decoded(user, "client-key-data").view();
  options.open_socket = std::move(open_socket);
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
  for (const HttpResponse& response :
       http_->get_all({server_ + "/api", server_ + "/apis"}, std::string(kDiscoveryAccept))) {
    if (response.status != 200) throw core::Error(core::ErrorKind::unreachable, "discovery: " + message_of(response));
    try {
      const json document = json::parse(response.body);
      for (const json& group : document.at("items")) {
        const std::string name = group.at("metadata").value("name", "");
        for (const json& version : group.at("versions")) {
          if (!version.contains("resources")) continue;
          for (const json& resource : version.at("resources")) {
            if (!can_list(resource)) continue;
            const std::string plural = resource.at("resource");
            resources[name.empty() ? plural : plural + "." + name].push_back(version.at("version"));
          }
        }
      }
    } catch (const json::exception& error) {
      throw core::Error(core::ErrorKind::damaged, std::string("discovery answers something else: ") + error.what());
    }
  }
  return resources;
}

std::vector<ServedList> ApiClient::list(const std::vector<std::pair<std::string, std::string>>& resources,
                                        core::Revision revision) {
  std::vector<std::string> urls;
  for (const auto& [resource, version] : resources) {
    const std::size_t dot = resource.find('.');
    const std::string path = dot == std::string::npos ? fmt::format("/api/{}/{}", version, resource)
                                                      : fmt::format("/apis/{}/{}/{}", resource.substr(dot + 1), version,
                                                                    resource.substr(0, dot));
    urls.push_back(fmt::format("{}{}?resourceVersion={}&resourceVersionMatch=Exact", server_, path, revision.value));
  }
  const std::vector<HttpResponse> responses = http_->get_all(urls, std::string(kListAccept));
  std::vector<ServedList> lists;
  for (std::size_t i = 0; i < responses.size(); ++i) {
    ServedList list{resources[i].first, responses[i].status, {}, {}};
    if (list.status == 200) {
      ListHandler handler(list.objects);
      if (!json::sax_parse(responses[i].body, &handler))
        throw core::Error(core::ErrorKind::damaged, list.resource + ": the list is no JSON");
    } else {
      list.message = message_of(responses[i]);
    }
    lists.push_back(std::move(list));
  }
  return lists;
}

}  // namespace drill
