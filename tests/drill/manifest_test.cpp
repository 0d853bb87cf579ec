#include "drill/explore/kubernetes_manifest.hpp"
#include "tests/catch.hpp"

namespace {

using drill::Json;

Json clean(const std::string& resource, const std::string& object, const drill::Surroundings& surroundings = {}) {
  return drill::manifest_of(resource, "v1", "Kind", Json::parse(object), surroundings).object;
}

std::string_view reason(const std::string& resource, const std::string& object,
                        const drill::Surroundings& surroundings = {}) {
  return drill::reason_to_leave_out(resource, Json::parse(object), surroundings);
}

}  // namespace

TEST_CASE("what servers and controllers set is taken off, and what somebody wrote stays") {
  CHECK(clean("widgets.example.org", R"({"metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7",
    "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": "2026-01-01T00:00:00Z", "selfLink": "/x",
    "managedFields": [{}], "finalizers": ["x"], "ownerReferences": [{"kind": "W", "uid": "u"}], "generateName": "a-",
    "labels": {"app": "a"}, "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "1"}},
    "spec": {"template": {"metadata": {"creationTimestamp": null, "labels": {}}}, "uid": "mine"}, "status": {"x": 1}, "data": {"status": "s"}})") ==
        Json::parse(
            R"({"apiVersion": "v1", "kind": "Kind", "metadata": {"name": "a", "namespace": "n", "labels": {"app": "a"},
    "annotations": {"mine": "1"}}, "spec": {"template": {"metadata": {"labels": {}}}, "uid": "mine"}, "data": {"status": "s"}})"));
}

TEST_CASE("an object that is left with nothing of its own has neither labels nor annotations") {
  const Json namespaced =
      clean("namespaces", R"({"metadata": {"name": "n", "labels": {"kubernetes.io/metadata.name": "n"},
    "annotations": {"deployment.kubernetes.io/revision": "3"}}, "spec": {"finalizers": ["kubernetes"]}})");
  CHECK(namespaced == Json::parse(R"({"apiVersion": "v1", "kind": "Kind", "metadata": {"name": "n"}})"));
}

TEST_CASE("a service loses the addresses and ports that were given to it, and keeps those that were asked for") {
  const std::string managed = R"("managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:ports": {
    "k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:nodePort": {}, "f:port": {}}, "k:{\"port\":81,\"protocol\":\"TCP\"}": {"f:port": {}}}}}}])";
  const std::string spec =
      R"("spec": {"type": "NodePort", "clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"], "healthCheckNodePort": 30999,
    "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 81, "protocol": "TCP", "nodePort": 30081}]})";
  CHECK(
      clean("services", R"({"metadata": {"name": "s", )" + managed + "}, " + spec + "}")["spec"] ==
      Json::parse(
          R"({"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 81, "protocol": "TCP"}]})"));
  CHECK(clean("services",
              R"({"metadata": {"name": "s"}, "spec": {"clusterIP": "None", "clusterIPs": ["None"]}})")["spec"] ==
        Json::parse(R"({"clusterIP": "None", "clusterIPs": ["None"]})"));
}

TEST_CASE("a claim keeps its volume only where no provisioner made that, and its file says so") {
  const Json claim =
      Json::parse(R"({"metadata": {"name": "c", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
    "spec": {"volumeName": "pv-1", "storageClassName": "local-path"}})");
  drill::Surroundings surroundings;
  const drill::Manifest loose = drill::manifest_of("persistentvolumeclaims", "v1", "P", claim, surroundings);
  CHECK_FALSE(loose.object["spec"].contains("volumeName"));
  CHECK_FALSE(loose.object["metadata"].contains("annotations"));
  CHECK_THAT(drill::yaml_of(loose), Catch::StartsWith("# Was bound to volume pv-1."));
  drill::note("persistentvolumes", Json::parse(R"({"metadata": {"name": "pv-1"}})"), surroundings);
  const drill::Manifest fixed = drill::manifest_of("persistentvolumeclaims", "v1", "P", claim, surroundings);
  CHECK(fixed.object["spec"]["volumeName"] == "pv-1");
  CHECK_THAT(drill::yaml_of(fixed), Catch::StartsWith("# Binds to volume pv-1"));
  drill::Surroundings provisioned;
  drill::note("persistentvolumes",
              Json::parse(R"({"metadata": {"name": "pv-1", "annotations": {"pv.kubernetes.io/provisioned-by": "x"}}})"),
              provisioned);
  CHECK(provisioned.fixed_volumes.empty());
  CHECK(
      clean("persistentvolumes", R"({"metadata": {"name": "pv-1"}, "spec": {"claimRef": {"namespace": "n", "name": "c",
    "uid": "u", "resourceVersion": "5"}}})")["spec"] ==
      Json::parse(R"({"claimRef": {"namespace": "n", "name": "c"}})"));
}

TEST_CASE("a pod of its own loses its node and what admission put in") {
  CHECK(
      clean(
          "pods",
          R"({"metadata": {"name": "p"}, "spec": {"nodeName": "node-a", "serviceAccount": "x", "serviceAccountName": "x",
    "priority": 0, "preemptionPolicy": "PreemptLowerPriority", "volumes": [{"name": "kube-api-access-abc12"}, {"name": "data"}],
    "tolerations": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "tolerationSeconds": 300}, {"key": "mine"}],
    "containers": [{"name": "a", "volumeMounts": [{"name": "kube-api-access-abc12"}, {"name": "data"}]},
                   {"name": "b", "volumeMounts": [{"name": "kube-api-access-abc12"}]}]}})")["spec"] ==
      Json::parse(R"({"serviceAccountName": "x", "volumes": [{"name": "data"}], "tolerations": [{"key": "mine"}],
    "containers": [{"name": "a", "volumeMounts": [{"name": "data"}]}, {"name": "b"}]})"));
}

TEST_CASE("a job loses the selector that was made for it, unless it was made by hand") {
  const std::string rest = R"("selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
    "template": {"metadata": {"labels": {"app": "j", "job-name": "j", "batch.kubernetes.io/controller-uid": "u"}}}}})";
  CHECK(clean("jobs.batch", R"({"metadata": {"name": "j"}, "spec": {)" + rest)["spec"] ==
        Json::parse(R"({"template": {"metadata": {"labels": {"app": "j"}}}})"));
  CHECK(clean("jobs.batch", R"({"metadata": {"name": "j"}, "spec": {"manualSelector": true, )" + rest)["spec"].contains(
      "selector"));
}

TEST_CASE("tokens that the server made for an account are left out, and those that somebody made are not") {
  const auto token = [](const std::string& name) {
    return R"({"metadata": {"name": ")" + name + R"(", "annotations": {"kubernetes.io/service-account.name": "x",
      "kubernetes.io/service-account.uid": "u"}, "labels": {"kubernetes.io/legacy-token-last-used": "2026-01-01"}},
      "type": "kubernetes.io/service-account-token", "data": {"token": "dA==", "ca.crt": "Yw==", "namespace": "bg=="}})";
  };
  const std::string account =
      R"({"metadata": {"name": "x"}, "secrets": [{"name": "x-token-7bcdf"}, {"name": "pull"}, {"name": "mine"},
          {"name": "x-token-2026"}, {"name": "x-token-mine1"}]})";
  const std::string another = R"({"metadata": {"name": "y"}, "secrets": [{"name": "x-token-bcdfg"}]})";
  drill::Surroundings surroundings;
  const std::vector<std::string> by_hand{"mine", "x-token-2026", "x-token-mine1", "x-token-bcdfg", "x-token-98765"};
  drill::note("secrets", Json::parse(token("x-token-7bcdf")), surroundings);
  for (const std::string& name : by_hand) drill::note("secrets", Json::parse(token(name)), surroundings);
  for (const std::string& object : {account, another})
    drill::note("serviceaccounts", Json::parse(object), surroundings);

  CHECK(clean("serviceaccounts", account, surroundings)["secrets"] ==
        Json::parse(R"([{"name": "pull"}, {"name": "mine"}, {"name": "x-token-2026"}, {"name": "x-token-mine1"}])"));
  CHECK(reason("secrets", token("x-token-7bcdf"), surroundings) == "token");
  for (const std::string& name : by_hand) {
    CHECK(reason("secrets", token(name), surroundings).empty());
    CHECK(clean("secrets", token(name), surroundings) ==
          Json{{"apiVersion", "v1"},
               {"kind", "Kind"},
               {"metadata", {{"name", name}, {"annotations", {{"kubernetes.io/service-account.name", "x"}}}}},
               {"type", "kubernetes.io/service-account-token"}});
  }
  for (const char* odd : {R"({"secrets": 3})", R"({"secrets": ["x"]})", R"({"secrets": null})"})
    drill::note("serviceaccounts", Json::parse(odd), surroundings);
}

TEST_CASE("an aggregated role loses the rules that are collected") {
  CHECK_FALSE(clean("clusterroles.rbac.authorization.k8s.io",
                    R"({"metadata": {"name": "r"}, "aggregationRule": {}, "rules": [{}]})")
                  .contains("rules"));
}

TEST_CASE("what a controller made, what every cluster has, what has finished and what is transient is left out") {
  const std::string owned =
      R"({"metadata": {"name": "a", "ownerReferences": [{"kind": "ReplicaSet", "controller": true}]}})";
  CHECK(reason("pods", owned) == "controller");
  CHECK(reason("certificaterequests.cert-manager.io", owned) == "controller");
  CHECK(reason("controllerrevisions.apps", R"({"metadata": {"name": "a"}})") == "controller");
  CHECK(reason("events", "{}") == "transient");
  CHECK(reason("leases.coordination.k8s.io", "{}") == "transient");
  CHECK(reason("configmaps", R"({"metadata": {"name": "kube-root-ca.crt"}})") == "cluster");
  CHECK(reason("serviceaccounts", R"({"metadata": {"name": "default"}})") == "cluster");
  CHECK(reason("services", R"({"metadata": {"name": "kubernetes", "namespace": "default"}})") == "cluster");
  CHECK(reason("jobs.batch",
               R"({"metadata": {"name": "j"}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}})") ==
        "finished");
  CHECK(reason("pods", R"({"metadata": {"name": "p"}, "status": {"phase": "Failed"}})") == "finished");
  drill::Surroundings surroundings;
  drill::note("services", Json::parse(R"({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}})"),
              surroundings);
  CHECK(reason("endpoints", R"({"metadata": {"name": "web"}})", surroundings) == "controller");
  CHECK(reason("endpointslices.discovery.k8s.io",
               R"({"metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}}})",
               surroundings) == "controller");
}

TEST_CASE("what looks like that and somebody wrote is not left out") {
  CHECK(reason("pods", R"({"metadata": {"name": "a", "ownerReferences": [{"kind": "Widget"}]}})").empty());
  CHECK(reason("configmaps", R"({"metadata": {"name": "mine"}})").empty());
  CHECK(reason("serviceaccounts", R"({"metadata": {"name": "default"}, "imagePullSecrets": [{"name": "x"}]})").empty());
  CHECK(reason("services", R"({"metadata": {"name": "kubernetes", "namespace": "shop"}})").empty());
  CHECK(reason("jobs.batch",
               R"({"metadata": {"name": "j"}, "status": {"conditions": [{"type": "Complete", "status": "False"}]}})")
            .empty());
  drill::Surroundings surroundings;
  drill::note("services", Json::parse(R"({"metadata": {"name": "db"}, "spec": {}})"), surroundings);
  CHECK(reason("endpoints", R"({"metadata": {"name": "db"}})", surroundings).empty());
  CHECK(
      reason("secrets", R"({"metadata": {"name": "sh.helm.release.v1.a.v1"}, "type": "helm.sh/release.v1"})").empty());
}

TEST_CASE("classes, volumes and cluster roles that are named are needed, wherever they are named") {
  const auto names = [](const std::string& resource, const std::string& object) {
    std::string text;
    for (const drill::Need& need : drill::needs_of(resource, Json::parse(object)))
      text += need.resource + "/" + need.name + " ";
    return text;
  };
  CHECK(names("persistentvolumeclaims", R"({"spec": {"volumeName": "pv-1", "storageClassName": "fast"}})") ==
        "storageclasses.storage.k8s.io/fast persistentvolumes/pv-1 ");
  CHECK(names("deployments.apps",
              R"({"spec": {"template": {"spec": {"priorityClassName": "high", "runtimeClassName": "gvisor"}}}})") ==
        "priorityclasses.scheduling.k8s.io/high runtimeclasses.node.k8s.io/gvisor ");
  CHECK(names("daemonsets.apps", R"({"spec": {"priorityClassName": "system-node-critical", "storageClassName": ""}})")
            .empty());
  CHECK(names("rolebindings.rbac.authorization.k8s.io", R"({"roleRef": {"kind": "ClusterRole", "name": "view"}})") ==
        "clusterroles.rbac.authorization.k8s.io/view ");
  const Json binding = Json::parse(
      R"({"subjects": [{"kind": "User", "name": "x"}, {"kind": "ServiceAccount", "name": "a", "namespace": "n"},
    {"kind": "Group", "name": "system:serviceaccounts:m"}]})");
  CHECK(drill::binds_accounts_of(binding, {"n"}));
  CHECK(drill::binds_accounts_of(binding, {"m"}));
  CHECK_FALSE(drill::binds_accounts_of(binding, {"o", "x"}));
}

TEST_CASE("the directories sort as objects have to be applied") {
  using drill::Origin;
  std::string last;
  for (const char* resource :
       {"namespaces", "serviceaccounts", "secrets", "configmaps", "roles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io", "persistentvolumeclaims", "services", "deployments.apps",
        "horizontalpodautoscalers.autoscaling", "ingresses.networking.k8s.io", "networkpolicies.networking.k8s.io",
        "podtemplates"}) {
    const std::string directory = drill::order_of(resource, Origin::built_in);
    INFO(directory);
    CHECK(last < directory);
    last = directory;
  }
  CHECK(last < drill::order_of("a.example.org", Origin::custom));
}

TEST_CASE("no name of an object leads out of its directory, is too long for a file, or takes another's") {
  CHECK(drill::file_name("app-00.shop:admin") == "app-00.shop:admin");
  for (const std::string name : {"..", ".", "", "../../etc/passwd", "a/b", "a b", "k\xc3\xa4se", ".hidden"}) {
    INFO(name);
    const std::string file = drill::file_name(name);
    CHECK(file.find('/') == std::string::npos);
    CHECK_FALSE(file.empty());
    CHECK(file[0] != '.');
    CHECK(file != drill::file_name(name + "x"));
  }
  CHECK(drill::file_name(std::string(253, 'a')).size() < 230);
  CHECK(drill::file_name(std::string(253, 'a')) != drill::file_name(std::string(252, 'a')));
}

TEST_CASE("objects that are not made as their kind is are cleaned without harm") {
  for (const char* resource : {"pods", "services", "jobs.batch", "persistentvolumeclaims", "statefulsets.apps",
                               "serviceaccounts", "widgets.example.org"})
    for (
        const char* object :
        {R"({"metadata": {"name": "a"}})", R"({"metadata": {"name": "a", "labels": null}, "spec": "text"})",
         R"({"metadata": {"name": "a"}, "spec": {"ports": [1], "volumes": "x", "containers": [null], "template": []}})"}) {
      INFO(resource << " " << object);
      CHECK(clean(resource, object)["metadata"]["name"] == "a");
      CHECK(reason(resource, object).empty());
    }
}
