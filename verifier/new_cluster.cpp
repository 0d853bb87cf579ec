#include "verifier/new_cluster.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/kine/resource.hpp"
#include "verifier/kine/sqlite.hpp"
#include "verifier/objects/object.hpp"
#include "verifier/objects/object_name.hpp"
#include "verifier/objects/object_texts.hpp"

namespace verifier {
namespace {

// What kube-apiserver, its controllers and k3s make by themselves under a name that is always the same. A star stands
// for any text without a slash. Source: kube-apiserver 1.37.2 on an empty database; k3s pkg/deploy, pkg/node,
// pkg/cloudprovider/servicelb.go, pkg/crd, manifests/.
constexpr std::array kOwnKeys = std::to_array<std::string_view>({
    "/registry/apiextensions.k8s.io/customresourcedefinitions/*.gateway.networking.k8s.io",
    "/registry/apiextensions.k8s.io/customresourcedefinitions/*.gateway.networking.x-k8s.io",
    "/registry/apiextensions.k8s.io/customresourcedefinitions/*.helm.cattle.io",
    "/registry/apiextensions.k8s.io/customresourcedefinitions/*.k3s.cattle.io",
    "/registry/apiextensions.k8s.io/customresourcedefinitions/*.traefik.containo.us",
    "/registry/apiextensions.k8s.io/customresourcedefinitions/*.traefik.io",
    "/registry/clusterrolebindings/cluster-admin",
    "/registry/clusterrolebindings/system:*",
    "/registry/clusterroles/admin",
    "/registry/clusterroles/cluster-admin",
    "/registry/clusterroles/edit",
    "/registry/clusterroles/system:*",
    "/registry/clusterroles/view",
    "/registry/clustertrustbundles/kubernetes.io:*",
    "/registry/configmaps/*/kube-root-ca.crt",
    "/registry/configmaps/kube-system/cluster-dns",
    "/registry/configmaps/kube-system/extension-apiserver-authentication",
    "/registry/configmaps/kube-system/kube-apiserver-legacy-service-account-token-tracking",
    "/registry/csinodes/*",
    "/registry/daemonsets/kube-system/svclb-traefik",
    "/registry/daemonsets/kube-system/svclb-traefik-*",
    "/registry/endpointslices/default/kubernetes",
    "/registry/events/*/*",
    "/registry/helm.cattle.io/helmcharts/kube-system/traefik",
    "/registry/helm.cattle.io/helmcharts/kube-system/traefik-crd",
    "/registry/ipaddresses/*",
    "/registry/leases/kube-node-lease/*",
    "/registry/leases/kube-system/*",
    "/registry/minions/*",
    "/registry/namespaces/default",
    "/registry/namespaces/kube-node-lease",
    "/registry/namespaces/kube-public",
    "/registry/namespaces/kube-system",
    "/registry/priorityclasses/system-cluster-critical",
    "/registry/priorityclasses/system-node-critical",
    "/registry/rolebindings/kube-public/system:*",
    "/registry/rolebindings/kube-system/system:*",
    "/registry/roles/kube-public/system:*",
    "/registry/roles/kube-system/extension-apiserver-authentication-reader",
    "/registry/roles/kube-system/system:*",
    "/registry/secrets/kube-system/*.node-password.k3s",
    "/registry/secrets/kube-system/chart-values-traefik",
    "/registry/secrets/kube-system/chart-values-traefik-crd",
    "/registry/secrets/kube-system/k3s-serving",
    "/registry/secrets/kube-system/sh.helm.release.v1.traefik-crd.v*",
    "/registry/secrets/kube-system/sh.helm.release.v1.traefik.v*",
    "/registry/serviceaccounts/*/default",
    "/registry/serviceaccounts/kube-system/svclb",
    "/registry/servicecidrs/kubernetes",
    "/registry/services/endpoints/default/kubernetes",
    "/registry/services/endpoints/kube-system/kube-dns",
    "/registry/services/endpoints/kube-system/metrics-server",
    "/registry/services/endpoints/kube-system/traefik",
    "/registry/services/specs/default/kubernetes",
    "/registry/storageversions/*",
});

// The files in server/manifests that k3s brings along, each an Addon of that name. Source: k3s manifests/, v1.20 to
// v1.36.
constexpr std::array kOwnAddons = std::to_array<std::string_view>({
    "aggregated-metrics-reader",
    "auth-delegator",
    "auth-reader",
    "ccm",
    "coredns",
    "gateway-api-crd",
    "local-storage",
    "metrics-apiservice",
    "metrics-server-deployment",
    "metrics-server-service",
    "resource-reader",
    "rolebindings",
    "runtimes",
    "traefik",
    "traefik-crd",
});
constexpr std::array kOwnCharts = std::to_array<std::string_view>({"traefik", "traefik-crd"});

constexpr std::string_view kAddons = "/registry/k3s.cattle.io/addons/kube-system/";
constexpr std::string_view kServiceAccounts = "/registry/serviceaccounts/kube-system/";
constexpr std::string_view kApiServices = "/registry/apiregistration.k8s.io/apiservices/";
constexpr std::array kPriorityAndFairness =
    std::to_array<std::string_view>({"/registry/flowschemas/", "/registry/prioritylevelconfigurations/"});

template <std::size_t size>
bool contains(const std::array<std::string_view, size>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool fits(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  pattern.remove_prefix(star + 1);
  text.remove_prefix(star);
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (fits(pattern, text.substr(at))) return true;
    if (at < text.size() && text[at] == '/') return false;
  }
  return false;
}

// Who has put an object there, as far as it says. Source: rancher/wrangler pkg/apply, whose annotations k3s's deploy
// and helm controllers write; helm pkg/action; kube-apiserver pkg/registry/flowcontrol.
struct Marks {
  std::string owner_kind;
  std::string owner_name;
  std::string owner_namespace;
  std::string release;
  std::string release_namespace;
  bool kept_by_apiserver = false;  // of a FlowSchema or its priority level
  bool served_elsewhere = false;   // an APIService that leads to a Service

  void take(std::string_view path, std::string_view text) {
    constexpr std::string_view kAnnotations = "/metadata/annotations/";
    if (path == "/spec/service/name") served_elsewhere = true;
    if (!path.starts_with(kAnnotations)) return;
    path.remove_prefix(kAnnotations.size());
    if (path == "objectset.rio.cattle.io/owner-gvk") owner_kind = text;
    if (path == "objectset.rio.cattle.io/owner-name") owner_name = text;
    if (path == "objectset.rio.cattle.io/owner-namespace") owner_namespace = text;
    if (path == "meta.helm.sh/release-name") release = text;
    if (path == "meta.helm.sh/release-namespace") release_namespace = text;
    if (path == "apf.kubernetes.io/autoupdate-spec") kept_by_apiserver = true;
  }

  bool of_own_manifest() const {
    if (release_namespace == "kube-system" && contains(kOwnCharts, release)) return true;
    if (owner_namespace != "kube-system") return false;
    return (owner_kind == "k3s.cattle.io/v1, Kind=Addon" && contains(kOwnAddons, owner_name)) ||
           (owner_kind == "helm.cattle.io/v1, Kind=HelmChart" && contains(kOwnCharts, owner_name));
  }
};

struct Entry {
  std::string key;
  std::string resource;
  std::string uid;
  std::vector<Owner> owners;
  Marks marks;
  bool own = false;
};

bool in_own_place(const KeyIdentity& identity) {
  return identity.namespace_name.empty() || identity.namespace_name == "kube-system";
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : database_(path) {}

  ClusterContent read() {
    Statement rows(
        database_,
        "SELECT name, value FROM main.kine WHERE id IN (SELECT max(id) FROM main.kine NOT INDEXED WHERE name "
        "> '/registry/' AND name < '/registry0' GROUP BY name COLLATE BINARY) AND deleted = 0");
    while (rows.step()) {
      core::throw_if_cancelled();
      add(std::string(rows.bytes(0)), rows.bytes(1));
    }
    for (Entry& entry : entries_)
      if (is_own(entry)) own(entry);
    for (bool more = true; more;) {
      more = false;
      for (Entry& entry : entries_)
        if (!entry.own && made_for_own(entry)) own(entry), more = true;
    }
    name_the_others();
    return std::move(content_);
  }

 private:
  void add(std::string key, std::string_view value) {
    Entry entry;
    entry.key = std::move(key);
    keys_.insert(entry.key);
    const KeyKind kind = parse_key(entry.key).kind;
    if (kind == KeyKind::internal) return;
    StoredObject stored;
    try {
      if (!is_sealed(value)) {
        stored = decode_object(value);
        read_texts(value, [&](std::string_view path, std::string_view text) { entry.marks.take(path, text); });
      }
    } catch (const core::Error& error) {
      if (error.kind() != core::ErrorKind::damaged) throw;
      stored = {};
      entry.marks = {};
    }
    entry.uid = stored.uid;
    entry.owners = stored.owners;
    entry.resource = resource_name(parse_key(entry.key).identity, stored.api_version);
    if (entry.key == "/registry/namespaces/kube-system") {
      content_.kube_system_uid = stored.uid;
      content_.made_at = stored.newest_change;
    }
    ++content_.objects;
    entries_.push_back(std::move(entry));
  }

  void own(Entry& entry) {
    entry.own = true;
    // What stands on a node, such as a pod of its own manifests, is nobody's but the node's.
    if (!entry.uid.empty() && entry.resource != "nodes") own_uids_.insert(entry.uid);
  }

  bool is_own(const Entry& entry) const {
    const std::string_view key = entry.key;
    const ParsedKey parsed = parse_key(key);
    if (parsed.kind != KeyKind::object) return false;
    if (std::any_of(kOwnKeys.begin(), kOwnKeys.end(), [&](std::string_view pattern) { return fits(pattern, key); }))
      return true;
    if (key.starts_with(kAddons)) return contains(kOwnAddons, parsed.identity.name);
    if (key.starts_with(kApiServices) && !entry.uid.empty() && !entry.marks.served_elsewhere) return true;
    for (const std::string_view prefix : kPriorityAndFairness)
      if (key.starts_with(prefix)) return entry.marks.kept_by_apiserver;
    // Each controller of Kubernetes's own has an account and a role of the same name.
    if (key.starts_with(kServiceAccounts))
      for (const char* binding : {"/registry/clusterrolebindings/system:controller:",
                                  "/registry/rolebindings/kube-system/system:controller:"})
        if (keys_.count(binding + std::string(parsed.identity.name)) != 0) return true;
    return entry.marks.of_own_manifest() && in_own_place(parsed.identity);
  }

  bool made_for_own(const Entry& entry) const {
    return in_own_place(parse_key(entry.key).identity) &&
           std::any_of(entry.owners.begin(), entry.owners.end(),
                       [&](const Owner& owner) { return own_uids_.count(owner.uid) != 0; });
  }

  void name_the_others() {
    for (const Entry& entry : entries_) {
      if (entry.own) continue;
      const KeyIdentity identity = parse_key(entry.key).identity;
      const std::string name =
          identity.name.empty() ? entry.key : object_path(entry.resource, identity.namespace_name, identity.name);
      content_.of_somebody.push_back(printable(name));
    }
    std::sort(content_.of_somebody.begin(), content_.of_somebody.end(), [](const auto& one, const auto& other) {
      const auto rank = [](const std::string& name) { return std::pair(!name.starts_with("namespaces/"), name); };
      return rank(one) < rank(other);
    });
  }

  Database database_;
  std::vector<Entry> entries_;
  std::set<std::string, std::less<>> keys_;
  std::set<std::string, std::less<>> own_uids_;
  ClusterContent content_;
};

}  // namespace

ClusterContent read_cluster_content(const std::filesystem::path& database) { return Reader(database).read(); }

}  // namespace verifier
