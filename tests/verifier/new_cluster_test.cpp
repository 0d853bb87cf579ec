// Whether a cluster holds anything that somebody made.
#include "verifier/new_cluster.hpp"

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/kine_database.hpp"

namespace {

using Annotations = std::map<std::string, std::string>;

std::string annotations(const Annotations& all) {
  std::string fields;
  for (const auto& [key, value] : all) fields += kine::field(12, kine::field(1, key) + kine::field(2, value));
  return fields;
}

std::string of_manifest(const std::string& kind, const std::string& name, const std::string& space = "kube-system") {
  return annotations({{"objectset.rio.cattle.io/owner-gvk", kind},
                      {"objectset.rio.cattle.io/owner-name", name},
                      {"objectset.rio.cattle.io/owner-namespace", space}});
}
const std::string kAddon = "k3s.cattle.io/v1, Kind=Addon";

std::string owned_by(const std::string& kind, const std::string& name) {
  return kine::field(
      13, kine::field(1, kind) + kine::field(3, name) + kine::field(4, "uid-" + name) + kine::field(5, "apps/v1"));
}

// What k3s v1.36 makes by itself on an empty disk, one of each sort.
struct NewCluster {
  core::ScratchDir scratch;
  std::filesystem::path path = scratch.path() / "state.db";
  kine::Database database{path};

  NewCluster() {
    for (const std::string space : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
      make("namespaces/" + space, "v1", "Namespace");
      make("configmaps/" + space + "/kube-root-ca.crt", "v1", "ConfigMap");
      make("serviceaccounts/" + space + "/default", "v1", "ServiceAccount");
    }
    database.create("/registry/health", R"({"health":"true"})");
    database.create("/bootstrap/0123456789ab", "sealed");
    make("services/specs/default/kubernetes", "v1", "Service");
    make("endpointslices/default/kubernetes", "discovery.k8s.io/v1", "EndpointSlice");
    make("minions/node-a", "v1", "Node");
    make("leases/kube-node-lease/node-a", "coordination.k8s.io/v1", "Lease");
    make("events/default/node-a.18ec9f0ae47e5a42", "v1", "Event");
    make("clusterroles/system:node", "rbac.authorization.k8s.io/v1", "ClusterRole");
    make("clusterrolebindings/system:controller:job-controller", "rbac.authorization.k8s.io/v1", "ClusterRoleBinding");
    make("serviceaccounts/kube-system/job-controller", "v1", "ServiceAccount");
    make("flowschemas/probes", "flowcontrol.apiserver.k8s.io/v1", "FlowSchema",
         annotations({{"apf.kubernetes.io/autoupdate-spec", "true"}}));
    make("apiregistration.k8s.io/apiservices/v1.apps", "apiregistration.k8s.io/v1", "APIService");
    make("secrets/kube-system/node-a.node-password.k3s", "v1", "Secret");
    database.create("/registry/secrets/kube-system/k3s-serving", "k8s:enc:aescbc:v1:aescbckey:sealed");
    database.create("/registry/k3s.cattle.io/addons/kube-system/coredns",
                    kine::json({"k3s.cattle.io/v1", "Addon", "coredns", "kube-system", "uid-addon"}));
    make("runtimeclasses/nvidia", "node.k8s.io/v1", "RuntimeClass", of_manifest(kAddon, "runtimes"));
    make("deployments/kube-system/coredns", "apps/v1", "Deployment", of_manifest(kAddon, "coredns"));
    make("replicasets/kube-system/coredns-7", "apps/v1", "ReplicaSet",
         owned_by("Deployment", "deployments/kube-system/coredns"));
    make("pods/kube-system/coredns-7-x", "v1", "Pod", owned_by("ReplicaSet", "replicasets/kube-system/coredns-7"));
    make("jobs/kube-system/helm-install-traefik", "batch/v1", "Job",
         of_manifest("helm.cattle.io/v1, Kind=HelmChart", "traefik"));
    make("ingressclasses/traefik", "networking.k8s.io/v1", "IngressClass",
         annotations({{"meta.helm.sh/release-name", "traefik"}, {"meta.helm.sh/release-namespace", "kube-system"}}));
  }

  // `place` is the key behind /registry/: resource, namespace where there is one, name.
  void make(const std::string& place, const std::string& api_version, const std::string& kind,
            const std::string& metadata = "", const std::string& more = "") {
    const std::string name = place.substr(place.rfind('/') + 1);
    database.create("/registry/" + place,
                    kine::protobuf({api_version, kind, name, "", "uid-" + place}, more, metadata));
  }

  std::vector<std::string> of_somebody() const { return verifier::read_cluster_content(path).of_somebody; }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a cluster that holds only what k3s makes by itself is new, and says when it was made") {
  NewCluster cluster;
  const verifier::ClusterContent content = verifier::read_cluster_content(cluster.path);
  CHECK(content.of_somebody == Names{});
  CHECK(content.kube_system_uid == "uid-namespaces/kube-system");
  REQUIRE(content.made_at);
  CHECK(core::format_rfc3339(*content.made_at).starts_with("2026-09-21"));
  CHECK(content.objects == 31);
  cluster.make("configmaps/default/gone", "v1", "ConfigMap");
  cluster.database.remove("/registry/configmaps/default/gone");
  CHECK(cluster.of_somebody() == Names{});
}

TEST_CASE("whatever somebody made makes a cluster one that is not new, and is named, namespaces first") {
  NewCluster cluster;
  const auto only = [&](const std::string& name) { return cluster.of_somebody() == Names{name}; };
  SECTION("a ConfigMap and a namespace") {
    cluster.make("configmaps/default/mine", "v1", "ConfigMap");
    cluster.make("namespaces/shop", "v1", "Namespace");
    CHECK(cluster.of_somebody() == Names{"namespaces/shop", "configmaps/default/mine"});
  }
  SECTION("a volume") {
    cluster.make("persistentvolumes/pvc-1", "v1", "PersistentVolume");
    CHECK(only("persistentvolumes/pvc-1"));
  }
  SECTION("a Secret beside k3s's own") {
    cluster.make("secrets/kube-system/registry", "v1", "Secret");
    CHECK(only("secrets/kube-system/registry"));
  }
  SECTION("a sealed Secret") {
    cluster.database.create("/registry/secrets/default/mine", "k8s:enc:aescbc:v1:aescbckey:sealed");
    CHECK(only("secrets/default/mine"));
  }
  SECTION("an account of a controller that Kubernetes has not") {
    cluster.make("serviceaccounts/kube-system/my-controller", "v1", "ServiceAccount");
    CHECK(only("serviceaccounts/kube-system/my-controller"));
  }
  SECTION("a definition of somebody's own kind, and an APIService that leads to a Service") {
    cluster.make("apiextensions.k8s.io/customresourcedefinitions/things.example.com", "apiextensions.k8s.io/v1",
                 "CustomResourceDefinition");
    cluster.make("apiregistration.k8s.io/apiservices/v1beta1.custom.metrics.k8s.io", "apiregistration.k8s.io/v1",
                 "APIService", "", kine::field(2, kine::field(1, kine::field(1, "kube-system") + kine::field(2, "a"))));
    CHECK(cluster.of_somebody().size() == 2);
  }
  SECTION("what was applied from a manifest of somebody's own in server/manifests") {
    cluster.database.create("/registry/k3s.cattle.io/addons/kube-system/shop",
                            kine::json({"k3s.cattle.io/v1", "Addon", "shop", "kube-system", "uid-shop"}));
    cluster.make("deployments/kube-system/shop", "apps/v1", "Deployment", of_manifest(kAddon, "shop"));
    CHECK(cluster.of_somebody() == Names{"addons.k3s.cattle.io/kube-system/shop", "deployments.apps/kube-system/shop"});
  }
  SECTION("a copy of k3s's own in another namespace") {
    cluster.make("deployments/default/coredns", "apps/v1", "Deployment", of_manifest(kAddon, "coredns"));
    CHECK(only("deployments.apps/default/coredns"));
  }
  SECTION("a pod that somebody's controller has made, one that nobody has, and one of the node's own manifests") {
    cluster.make("pods/kube-system/a", "v1", "Pod", owned_by("ReplicaSet", "unknown"));
    cluster.make("pods/kube-system/b", "v1", "Pod");
    cluster.make("pods/kube-system/c", "v1", "Pod", owned_by("Node", "minions/node-a"));
    CHECK(cluster.of_somebody().size() == 3);
  }
  SECTION("settings of k3s's own ingress") {
    cluster.database.create(
        "/registry/helm.cattle.io/helmchartconfigs/kube-system/traefik",
        kine::json({"helm.cattle.io/v1", "HelmChartConfig", "traefik", "kube-system", "uid-config"}));
    CHECK(only("helmchartconfigs.helm.cattle.io/kube-system/traefik"));
  }
  SECTION("a value that cannot be read, and a key that Kubernetes does not use") {
    cluster.database.create("/registry/deployments/kube-system/torn", "k8s");
    cluster.database.create("/registry/a/b/c/d/e", "{}");
    CHECK(cluster.of_somebody().size() == 2);
  }
}

TEST_CASE("a database without kube-system tells of no cluster, and what is no database is damaged") {
  const core::ScratchDir scratch;
  {
    kine::Database database(scratch.path() / "empty.db");
    database.close();
  }
  CHECK(verifier::read_cluster_content(scratch.path() / "empty.db").kube_system_uid.empty());
  core::write_new_file(scratch.path() / "garbage.db", std::string(8192, 'x'));
  CHECK_THROWS_AS(verifier::read_cluster_content(scratch.path() / "garbage.db"), core::Error);
}
