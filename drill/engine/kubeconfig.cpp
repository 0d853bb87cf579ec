#include "drill/engine/kubeconfig.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "core/yaml.hpp"

namespace drill {
namespace {

constexpr std::string_view kScheme = "https://";

core::Error damaged(const std::string& what) { return {core::ErrorKind::damaged, "the kubeconfig " + what}; }

// clusters[0].cluster, users[0].user
const core::YamlNode* first_item(const core::YamlNode& config, std::string_view list, std::string_view item) {
  const core::YamlNode* found = config.find(list);
  return found != nullptr && !found->items.empty() ? found->items.front().find(item) : nullptr;
}

bool is_pem(std::string_view text) {
  return text.starts_with("-----BEGIN ") && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r';
         });
}

core::Secret pem_in(const core::YamlNode* node, std::string_view key) {
  const core::YamlNode* field = node != nullptr ? node->find(key) : nullptr;
  std::optional<core::Secret> bytes = field != nullptr ? core::decode_base64(field->scalar) : std::nullopt;
  if (!bytes) throw damaged(fmt::format("has no {}", key));
  if (!is_pem(bytes->view())) throw damaged(fmt::format("has a {} that is no PEM", key));
  return std::move(*bytes);
}

bool is_address(std::string_view server) {
  if (!server.starts_with(kScheme)) return false;
  server.remove_prefix(kScheme.size());
  return !server.empty() && std::all_of(server.begin(), server.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == ':' || c == '-' || c == '[' || c == ']';
  });
}

}  // namespace

Kubeconfig parse_kubeconfig(const std::string& text) {
  const core::YamlNode config = core::parse_yaml(text, "kubeconfig");
  const core::YamlNode* cluster = first_item(config, "clusters", "cluster");
  const core::YamlNode* user = first_item(config, "users", "user");
  const core::YamlNode* server = cluster != nullptr ? cluster->find("server") : nullptr;
  if (server == nullptr || !is_address(server->scalar)) throw damaged("names no server");
  return {server->scalar, std::string(pem_in(cluster, "certificate-authority-data").view()),
          std::string(pem_in(user, "client-certificate-data").view()), pem_in(user, "client-key-data")};
}

Endpoint endpoint_of(const Kubeconfig& config) {
  const std::string_view address = std::string_view(config.server).substr(kScheme.size());
  const std::size_t port = address.rfind(':');
  const bool has_port = port != std::string_view::npos && address.find(']', port) == std::string_view::npos;
  Endpoint endpoint;
  endpoint.host = address.substr(0, has_port ? port : address.size());
  if (endpoint.host.starts_with('[') && endpoint.host.ends_with(']'))
    endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
  if (has_port) std::from_chars(address.data() + port + 1, address.data() + address.size(), endpoint.port);
  return endpoint;
}

std::string kubeconfig_for(const Kubeconfig& config, std::uint16_t port) {
  return fmt::format(R"(apiVersion: v1
kind: Config
clusters:
- name: drill
  cluster:
    certificate-authority-data: {}
    server: https://127.0.0.1:{}
users:
- name: drill
  user:
    client-certificate-data: {}
    client-key-data: {}
contexts:
- name: drill
  context:
    cluster: drill
    user: drill
current-context: drill
)",
                     core::encode_base64(config.ca_pem), port, core::encode_base64(config.certificate_pem),
                     core::encode_base64(config.key_pem.view()));
}

}  // namespace drill
