#include "verifier/objects/vocabulary.hpp"

#include <array>

namespace verifier {
namespace {

using namespace std::string_view_literals;

constexpr std::array kProtocols{"TCP"sv, "UDP"sv, "SCTP"sv};
constexpr std::array kRestartPolicies{"Always"sv, "OnFailure"sv, "Never"sv};
constexpr std::array kDnsPolicies{"ClusterFirst"sv, "ClusterFirstWithHostNet"sv, "Default"sv, "None"sv};
constexpr std::array kPullPolicies{"Always"sv, "IfNotPresent"sv, "Never"sv};
constexpr std::array kMessagePolicies{"File"sv, "FallbackToLogsOnError"sv};
constexpr std::array kMessagePaths{"/dev/termination-log"sv};
constexpr std::array kSchedulers{"default-scheduler"sv};
constexpr std::array kStatuses{"True"sv, "False"sv, "Unknown"sv, "Success"sv, "Failure"sv};
constexpr std::array kQosClasses{"Guaranteed"sv, "Burstable"sv, "BestEffort"sv};
constexpr std::array kAffinities{"None"sv, "ClientIP"sv};
constexpr std::array kOperators{"Exists"sv, "Equal"sv, "NotIn"sv, "DoesNotExist"sv};
constexpr std::array kEffects{"NoSchedule"sv, "PreferNoSchedule"sv, "NoExecute"sv};
constexpr std::array kFamilyPolicies{"SingleStack"sv, "PreferDualStack"sv, "RequireDualStack"sv};
constexpr std::array kTrafficPolicies{"Cluster"sv, "Local"sv};
constexpr std::array kAccessModes{"ReadWriteOnce"sv, "ReadOnlyMany"sv, "ReadWriteMany"sv, "ReadWriteOncePod"sv};
constexpr std::array kReclaimPolicies{"Retain"sv, "Delete"sv, "Recycle"sv};
constexpr std::array kVolumeModes{"Filesystem"sv, "Block"sv};
constexpr std::array kPathTypes{"Exact"sv, "Prefix"sv, "ImplementationSpecific"sv};
constexpr std::array kPreemption{"PreemptLowerPriority"sv, "Never"sv};
constexpr std::array kPhases{"Pending"sv,     "Running"sv, "Succeeded"sv, "Failed"sv,   "Unknown"sv, "Active"sv,
                             "Terminating"sv, "Bound"sv,   "Available"sv, "Released"sv, "Lost"sv};
constexpr std::array kTypes{"Ready"sv,
                            "Initialized"sv,
                            "ContainersReady"sv,
                            "PodScheduled"sv,
                            "PodReadyToStartContainers"sv,
                            "Available"sv,
                            "Progressing"sv,
                            "ReplicaFailure"sv,
                            "MemoryPressure"sv,
                            "DiskPressure"sv,
                            "PIDPressure"sv,
                            "NetworkUnavailable"sv,
                            "Complete"sv,
                            "Failed"sv,
                            "Normal"sv,
                            "Warning"sv,
                            "ClusterIP"sv,
                            "NodePort"sv,
                            "LoadBalancer"sv,
                            "ExternalName"sv,
                            "Opaque"sv,
                            "helm.sh/release.v1"sv,
                            "kubernetes.io/tls"sv,
                            "kubernetes.io/service-account-token"sv,
                            "kubernetes.io/dockerconfigjson"sv,
                            "RollingUpdate"sv,
                            "Recreate"sv,
                            "OnDelete"sv,
                            "Hostname"sv,
                            "InternalIP"sv,
                            "ExternalIP"sv,
                            "RuntimeDefault"sv};
constexpr std::array kReasons{"Scheduled"sv,        "Pulled"sv,    "Pulling"sv,          "Created"sv,
                              "Started"sv,          "Killing"sv,   "BackOff"sv,          "Unhealthy"sv,
                              "FailedScheduling"sv, "Completed"sv, "SuccessfulCreate"sv, "SuccessfulDelete"sv,
                              "ScalingReplicaSet"sv};
constexpr std::array kApiVersions{"v1"sv,
                                  "apps/v1"sv,
                                  "batch/v1"sv,
                                  "policy/v1"sv,
                                  "autoscaling/v2"sv,
                                  "coordination.k8s.io/v1"sv,
                                  "events.k8s.io/v1"sv,
                                  "networking.k8s.io/v1"sv,
                                  "rbac.authorization.k8s.io/v1"sv,
                                  "discovery.k8s.io/v1"sv,
                                  "storage.k8s.io/v1"sv,
                                  "apiextensions.k8s.io/v1"sv,
                                  "apiregistration.k8s.io/v1"sv,
                                  "flowcontrol.apiserver.k8s.io/v1"sv,
                                  "scheduling.k8s.io/v1"sv,
                                  "helm.cattle.io/v1"sv,
                                  "k3s.cattle.io/v1"sv,
                                  "traefik.io/v1alpha1"sv};
constexpr std::array kManagers{"kubelet"sv,
                               "kube-apiserver"sv,
                               "kube-controller-manager"sv,
                               "kube-scheduler"sv,
                               "kubectl"sv,
                               "kubectl-client-side-apply"sv,
                               "kubectl-create"sv,
                               "kubectl-edit"sv,
                               "kubectl-patch"sv,
                               "kubectl-rollout"sv,
                               "kubectl-annotate"sv,
                               "kubectl-label"sv,
                               "helm"sv,
                               "helm-controller"sv,
                               "k3s"sv,
                               "deploy"sv,
                               "local-path-provisioner"sv,
                               "traefik"sv,
                               "coredns"sv,
                               "metrics-server"sv,
                               "cloud-controller-manager"sv};
constexpr std::array kKinds{"ReplicaSet"sv,       "StatefulSet"sv,    "DaemonSet"sv,    "Deployment"sv,
                            "CronJob"sv,          "ServiceAccount"sv, "ClusterRole"sv,  "PersistentVolumeClaim"sv,
                            "PersistentVolume"sv, "HelmChart"sv,      "Namespace"sv,    "ConfigMap"sv,
                            "Secret"sv,           "Service"sv,        "EndpointSlice"sv};
constexpr std::array kApiGroups{"rbac.authorization.k8s.io"sv};
constexpr std::array kTaints{"node.kubernetes.io/not-ready"sv,           "node.kubernetes.io/unreachable"sv,
                             "node.kubernetes.io/disk-pressure"sv,       "node.kubernetes.io/memory-pressure"sv,
                             "node.kubernetes.io/pid-pressure"sv,        "node.kubernetes.io/unschedulable"sv,
                             "node.kubernetes.io/network-unavailable"sv, "node-role.kubernetes.io/control-plane"sv,
                             "node-role.kubernetes.io/master"sv,         "CriticalAddonsOnly"sv};
constexpr std::array kResources{"cpu"sv,
                                "memory"sv,
                                "ephemeral-storage"sv,
                                "storage"sv,
                                "pods"sv,
                                "hugepages-1Gi"sv,
                                "hugepages-2Mi"sv,
                                "limits.cpu"sv,
                                "limits.memory"sv,
                                "requests.cpu"sv,
                                "requests.memory"sv,
                                "requests.storage"sv,
                                "persistentvolumeclaims"sv};
constexpr std::array kComponents{"kubelet"sv,
                                 "kube-proxy"sv,
                                 "default-scheduler"sv,
                                 "replicaset-controller"sv,
                                 "deployment-controller"sv,
                                 "statefulset-controller"sv,
                                 "daemonset-controller"sv,
                                 "job-controller"sv,
                                 "cronjob-controller"sv,
                                 "endpoint-controller"sv,
                                 "endpoint-slice-controller"sv,
                                 "service-controller"sv,
                                 "node-controller"sv,
                                 "persistentvolume-controller"sv,
                                 "horizontal-pod-autoscaler"sv,
                                 "helm-controller"sv};
constexpr std::array kFieldPaths{"metadata.name"sv, "metadata.namespace"sv,     "metadata.uid"sv,
                                 "status.podIP"sv,  "status.podIPs"sv,          "status.hostIP"sv,
                                 "spec.nodeName"sv, "spec.serviceAccountName"sv};
constexpr std::array kMountPaths{"/var/run/secrets/kubernetes.io/serviceaccount"sv};
constexpr std::array kLabels{"app.kubernetes.io/name"sv,
                             "app.kubernetes.io/instance"sv,
                             "app.kubernetes.io/version"sv,
                             "app.kubernetes.io/component"sv,
                             "app.kubernetes.io/part-of"sv,
                             "app.kubernetes.io/managed-by"sv,
                             "pod-template-hash"sv,
                             "controller-revision-hash"sv,
                             "k8s-app"sv,
                             "helm.sh/chart"sv,
                             "kubernetes.io/arch"sv,
                             "kubernetes.io/os"sv,
                             "kubernetes.io/hostname"sv,
                             "kubernetes.io/metadata.name"sv,
                             "kubernetes.io/service-name"sv,
                             "beta.kubernetes.io/arch"sv,
                             "beta.kubernetes.io/os"sv,
                             "endpointslice.kubernetes.io/managed-by"sv,
                             "node.kubernetes.io/instance-type"sv,
                             "statefulset.kubernetes.io/pod-name"sv,
                             "apps.kubernetes.io/pod-index"sv,
                             "batch.kubernetes.io/controller-uid"sv,
                             "batch.kubernetes.io/job-name"sv,
                             "node-role.kubernetes.io/control-plane"sv,
                             "node-role.kubernetes.io/master"sv,
                             "kubernetes.io/bootstrapping"sv,
                             "objectset.rio.cattle.io/hash"sv,
                             "ipaddress.kubernetes.io/managed-by"sv,
                             "ipaddress.kubernetes.io/ip-family"sv};
constexpr std::array kAnnotations{"deployment.kubernetes.io/revision"sv,
                                  "deployment.kubernetes.io/desired-replicas"sv,
                                  "deployment.kubernetes.io/max-replicas"sv,
                                  "kubectl.kubernetes.io/last-applied-configuration"sv,
                                  "kubectl.kubernetes.io/restartedAt"sv,
                                  "meta.helm.sh/release-name"sv,
                                  "meta.helm.sh/release-namespace"sv,
                                  "endpoints.kubernetes.io/last-change-trigger-time"sv,
                                  "rbac.authorization.kubernetes.io/autoupdate"sv,
                                  "kubernetes.io/description"sv,
                                  "pv.kubernetes.io/bind-completed"sv,
                                  "pv.kubernetes.io/bound-by-controller"sv,
                                  "pv.kubernetes.io/provisioned-by"sv,
                                  "volume.kubernetes.io/selected-node"sv,
                                  "volume.kubernetes.io/storage-provisioner"sv,
                                  "volume.beta.kubernetes.io/storage-provisioner"sv,
                                  "objectset.rio.cattle.io/applied"sv,
                                  "objectset.rio.cattle.io/id"sv,
                                  "objectset.rio.cattle.io/owner-gvk"sv,
                                  "objectset.rio.cattle.io/owner-name"sv,
                                  "objectset.rio.cattle.io/owner-namespace"sv,
                                  "node.alpha.kubernetes.io/ttl"sv,
                                  "volumes.kubernetes.io/controller-managed-attach-detach"sv};

struct Words {
  std::string_view field;
  std::span<const std::string_view> words;
};
constexpr std::array kWords{Words{"protocol", kProtocols},
                            Words{"restartPolicy", kRestartPolicies},
                            Words{"dnsPolicy", kDnsPolicies},
                            Words{"imagePullPolicy", kPullPolicies},
                            Words{"terminationMessagePolicy", kMessagePolicies},
                            Words{"terminationMessagePath", kMessagePaths},
                            Words{"schedulerName", kSchedulers},
                            Words{"status", kStatuses},
                            Words{"qosClass", kQosClasses},
                            Words{"sessionAffinity", kAffinities},
                            Words{"operator", kOperators},
                            Words{"effect", kEffects},
                            Words{"ipFamilyPolicy", kFamilyPolicies},
                            Words{"internalTrafficPolicy", kTrafficPolicies},
                            Words{"externalTrafficPolicy", kTrafficPolicies},
                            Words{"accessModes", kAccessModes},
                            Words{"persistentVolumeReclaimPolicy", kReclaimPolicies},
                            Words{"reclaimPolicy", kReclaimPolicies},
                            Words{"volumeMode", kVolumeModes},
                            Words{"pathType", kPathTypes},
                            Words{"preemptionPolicy", kPreemption},
                            Words{"phase", kPhases},
                            Words{"type", kTypes},
                            Words{"reason", kReasons},
                            Words{"apiVersion", kApiVersions},
                            Words{"manager", kManagers},
                            Words{"kind", kKinds},
                            Words{"apiGroup", kApiGroups},
                            Words{"component", kComponents},
                            Words{"reportingComponent", kComponents},
                            Words{"reportingController", kComponents},
                            Words{"fieldPath", kFieldPaths},
                            Words{"mountPath", kMountPaths}};

}  // namespace

std::span<const std::string_view> words_of(const Message& message, const Field& field) {
  if (field.map && field.message != nullptr && field.message->kind == "Quantity") return kResources;
  if (message.name == "meta/v1.ObjectMeta" && field.name == "labels") return kLabels;
  if (message.name == "meta/v1.ObjectMeta" && field.name == "annotations") return kAnnotations;
  if (field.map || field.type != FieldType::string) return {};
  if (field.name == "key" && (message.kind == "Toleration" || message.kind == "Taint")) return kTaints;
  for (const Words& words : kWords)
    if (words.field == field.name) return words.words;
  return {};
}

}  // namespace verifier
