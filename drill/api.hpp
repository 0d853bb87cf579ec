// The restored API server as its admin sees it: readiness, discovery, and lists at one exact revision.
// What it does not do: compare; drill/compare.cpp does.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/fd.hpp"
#include "core/revision.hpp"
#include "drill/http.hpp"

namespace drill {

/// One object as the API serves it.
struct ServedObject {
  std::string namespace_name;
  std::string name;
  std::string uid;
  core::Revision revision;  // its resourceVersion
};

/// The answer to one list.
struct ServedList {
  std::string resource;  // "deployments.apps"
  long status = 0;       // HTTP; the objects are there only with 200
  std::string message;   // the server's, when not 200
  std::vector<ServedObject> objects;

  /// The server asks to come back: its storage for this resource is not ready yet.
  bool not_yet() const { return status == 429 || status == 503; }
};

class ApiClient {
 public:
  /// Throws: damaged for a kubeconfig without cluster and client certificate.
  ApiClient(const std::string& kubeconfig, std::function<core::Fd()> open_socket);

  /// Whether /readyz answers ok now. Throws: cancelled.
  bool ready();

  /// The certificate authority the kubeconfig trusts, PEM.
  const std::string& ca_pem() const { return ca_pem_; }

  /// Every resource that can be listed: name to versions, preferred first: {"deployments.apps": ["v1"]}.
  /// Throws: unreachable, timeout, damaged.
  std::map<std::string, std::vector<std::string>> discover();

  /// Lists `resources` (name, version) over all namespaces as of exactly `revision`, metadata only.
  /// Source: kubernetes apiserver list options, resourceVersionMatch=Exact.
  std::vector<ServedList> list(const std::vector<std::pair<std::string, std::string>>& resources,
                               core::Revision revision);

 private:
  std::string server_;
  std::string ca_pem_;
  std::optional<HttpClient> http_;
};

}  // namespace drill
