// The restored API server as its admin sees it: readiness, discovery, lists at one exact revision, a few reads and
// writes. What it does not do: compare or check; drill/proof/compare.cpp and drill/proof/proof.cpp do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.hpp"
#include "core/revision.hpp"
#include "drill/engine/http.hpp"

namespace drill {

/// One object as the API serves it.
struct ServedObject {
  std::string namespace_name;
  std::string name;
  std::string uid;
  core::Revision revision;  // its resourceVersion
};

/// Whether a storage is not ready yet. One that met an object that it cannot decode asks to come back as well, and
/// never gets ready. Source: apiserver pkg/storage/cacher/ready.go, and StorageError in pkg/storage/errors.go.
inline bool is_storage_not_ready(long status, std::string_view message) {
  return status == 429 && message.find("corrupt object") == std::string_view::npos;
}

/// The answer to one list.
struct ServedList {
  std::string resource;  // "deployments.apps"
  long status = 0;       // HTTP; the objects are there only with 200
  std::string message;   // the server's, when not 200; why there was no list, when the objects were read one by one
  std::vector<ServedObject> objects;

  /// The server asks to come back: its storage for this resource is not ready yet, or what is behind an aggregated API.
  bool not_yet() const { return storage_not_ready() || status == 503; }
  bool storage_not_ready() const { return is_storage_not_ready(status, message); }
};

/// The answer to a read or write of one object.
struct ServedAnswer {
  long status = 0;          // HTTP
  std::string message;      // the server's, when not 2xx
  std::string uid;          // of the object in the answer
  core::Revision revision;  // its resourceVersion
  std::string body;         // JSON

  bool ok() const { return status >= 200 && status < 300; }
  bool not_yet() const { return is_storage_not_ready(status, message) || status == 503; }  // as in ServedList
};

/// A resource that can be listed: "deployments.apps" as of version "v1".
struct ListedResource {
  std::string name;
  std::string version;
};

/// A resource that can be listed and made, as discovery tells it.
struct ServedResource {
  std::string name;                      // "deployments.apps"
  std::vector<std::string> versions;     // preferred first
  std::string kind;                      // "Deployment"
  std::vector<std::string> other_names;  // "deployment", "deploy"
  bool namespaced = false;
};

/// "/apis/apps/v1/deployments", "/apis/apps/v1/namespaces/shop/deployments" or ".../deployments/web"; each without a
/// namespace for the cluster's scope.
std::string path_of(const ListedResource& resource, std::string_view namespace_name = {}, std::string_view name = {});

/// Of one object in JSON; empty where it does not say.
ServedObject metadata_of(const std::string& body);

class ApiClient {
 public:
  /// `meanwhile` as in HttpOptions. Throws: damaged for a kubeconfig without cluster and client certificate.
  ApiClient(const std::string& kubeconfig, std::function<core::Fd()> open_socket, std::function<void()> meanwhile);
  /// Through a Unix socket behind which the server listens, with at most so many `connections`.
  ApiClient(const std::string& kubeconfig, const std::filesystem::path& socket, unsigned connections);

  /// As HttpClient::finish_by().
  void finish_by(std::chrono::steady_clock::time_point deadline) { http_->finish_by(deadline); }

  /// Whether /readyz answers ok now. Throws: cancelled.
  bool ready();

  /// The certificate authority the kubeconfig trusts, PEM.
  const std::string& ca_pem() const { return ca_pem_; }

  /// Every resource that can be listed: name to versions, preferred first: {"deployments.apps": ["v1"]}.
  /// Throws: unreachable, timeout, damaged.
  std::map<std::string, std::vector<std::string>> discover();

  /// Every resource that can be listed and created. Throws: as discover.
  std::vector<ServedResource> discover_kinds();

  /// Lists `resources` over all namespaces, metadata only, as of exactly `revision`, or as they are now.
  /// Throws: unreachable, timeout, damaged.
  /// Source: kubernetes apiserver list options, resourceVersionMatch=Exact.
  std::vector<ServedList> list(const std::vector<ListedResource>& resources, std::optional<core::Revision> revision);

  /// What /readyz?verbose has against the server: "[-]etcd failed: reason withheld", a line each.
  std::vector<std::string> failing_health_checks();

  /// sha256 of the public part of each key that service-account tokens are checked with; empty when the server does not
  /// tell. Source: kubernetes pkg/serviceaccount/jwt.go, keyIDFromPublicKey: the `kid` of /openid/v1/jwks.
  std::vector<std::string> service_account_keys();

  /// One request about one object; `body` is JSON, or empty. Throws: unreachable, timeout.
  ServedAnswer send(const std::string& method, const std::string& path, const std::string& body = {});

  /// Reads many paths, several at once; `take` gets each answer by the index of its path. Of an answer only status,
  /// message and body are set: see metadata_of. Throws: unreachable, timeout.
  void read_all(const std::vector<std::string>& paths, const std::function<void(std::size_t, ServedAnswer&&)>& take);

  /// As the kubeconfig names it: "https://127.0.0.1:6443".
  const std::string& server() const { return server_; }

 private:
  ApiClient(const std::string& kubeconfig, HttpOptions options);

  std::string server_;
  std::string ca_pem_;
  std::optional<HttpClient> http_;
};

}  // namespace drill
