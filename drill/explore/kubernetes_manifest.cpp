#include "drill/explore/kubernetes_manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/sha256.hpp"
#include "core/yaml_writer.hpp"

namespace drill {
namespace {

using Path = std::initializer_list<const char*>;

// The value at the end of `path`, or nullptr. Custom resources may have anything anywhere.
template <class Tree>
Tree* find(Tree& object, Path path) {
  Tree* at = &object;
  for (const char* key : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(key);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::string text_at(const Json& object, Path path) {
  const Json* found = find(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_true(const Json& object, Path path) {
  const Json* found = find(object, path);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

bool is_filled(const Json* value) { return value != nullptr && !value->empty(); }

std::string name_of(const Json& object) { return text_at(object, {"metadata", "name"}); }

void erase(Json* object, std::initializer_list<const char*> keys) {
  if (object == nullptr || !object->is_object()) return;
  for (const char* key : keys) object->erase(key);
}

void erase_if_empty(Json& object, const char* key) {
  if (const auto found = object.find(key); found != object.end() && found->empty()) object.erase(key);
}

template <class Condition>
void erase_items(Json* list, const Condition& condition) {
  if (list == nullptr || !list->is_array()) return;
  list->erase(std::remove_if(list->begin(), list->end(), condition), list->end());
}

// Annotations that servers and controllers write. Source: kubernetes docs, "Well-Known Labels, Annotations and Taints".
constexpr std::array kTheirAnnotations{"kubectl.kubernetes.io/last-applied-configuration",
                                       "deployment.kubernetes.io/revision",
                                       "deprecated.daemonset.template.generation",
                                       "pv.kubernetes.io/bind-completed",
                                       "pv.kubernetes.io/bound-by-controller",
                                       "volume.kubernetes.io/storage-provisioner",
                                       "volume.beta.kubernetes.io/storage-provisioner",
                                       "volume.kubernetes.io/selected-node",
                                       "endpoints.kubernetes.io/last-change-trigger-time",
                                       "control-plane.alpha.kubernetes.io/leader",
                                       "autoscaling.alpha.kubernetes.io/conditions",
                                       "autoscaling.alpha.kubernetes.io/current-metrics",
                                       "batch.kubernetes.io/job-tracking",
                                       "batch.kubernetes.io/cronjob-scheduled-timestamp"};

constexpr const char* kTokenType = "kubernetes.io/service-account-token";

// Names that the job controller gives to the pods of one job.
constexpr std::array kJobLabels{"controller-uid", "job-name", "batch.kubernetes.io/controller-uid",
                                "batch.kubernetes.io/job-name"};

bool has_controller(const Json& object) {
  const Json* owners = find(object, {"metadata", "ownerReferences"});
  return owners != nullptr && owners->is_array() &&
         std::any_of(owners->begin(), owners->end(), [](const Json& owner) { return is_true(owner, {"controller"}); });
}

bool has_finished(const std::string& resource, const Json& object) {
  if (resource == "pods") {
    const std::string phase = text_at(object, {"status", "phase"});
    return phase == "Succeeded" || phase == "Failed";
  }
  const Json* conditions = resource == "jobs.batch" ? find(object, {"status", "conditions"}) : nullptr;
  return conditions != nullptr && conditions->is_array() &&
         std::any_of(conditions->begin(), conditions->end(), [](const Json& condition) {
           const std::string type = text_at(condition, {"type"});
           return (type == "Complete" || type == "Failed") && text_at(condition, {"status"}) == "True";
         });
}

// What each namespace, and `default`, has without anybody asking for it. An account that somebody changed is not that.
bool is_made_by_every_cluster(const std::string& resource, const Json& object) {
  const std::string name = name_of(object);
  if (resource == "configmaps") return name == "kube-root-ca.crt";
  if (resource == "serviceaccounts")
    return name == "default" && !is_filled(find(object, {"imagePullSecrets"})) &&
           !is_filled(find(object, {"metadata", "annotations"})) &&
           find(object, {"automountServiceAccountToken"}) == nullptr;
  return name == "kubernetes" && text_at(object, {"metadata", "namespace"}) == "default" &&
         (resource == "services" || resource == "endpoints" || resource == "endpointslices.discovery.k8s.io");
}

// `creationTimestamp: null` in the templates of pods and claims, as older servers write it.
void erase_null_timestamps(Json& tree) {
  if (tree.is_object()) {
    const auto found = tree.find("creationTimestamp");
    if (found != tree.end() && found->is_null()) tree.erase(found);
  }
  if (tree.is_structured())
    for (Json& child : tree) erase_null_timestamps(child);
}

// Whether somebody asked for a port's number by name: what a server chooses is in no managedFields.
bool was_asked_for(const Json& service, const Json* port, const char* field) {
  const Json* managers = find(service, {"metadata", "managedFields"});
  if (managers == nullptr || !managers->is_array()) return false;
  const std::string key = port == nullptr ? std::string()
                                          : fmt::format(R"(k:{{"port":{},"protocol":"{}"}})", port->value("port", 0),
                                                        port->value("protocol", "TCP"));
  return std::any_of(managers->begin(), managers->end(), [&](const Json& manager) {
    return port == nullptr ? find(manager, {"fieldsV1", "f:spec", field}) != nullptr
                           : find(manager, {"fieldsV1", "f:spec", "f:ports", key.c_str(), field}) != nullptr;
  });
}

void clean_service(Json& object, const Json& served) {
  Json* spec = find(object, {"spec"});
  if (text_at(object, {"spec", "clusterIP"}) != "None") erase(spec, {"clusterIP", "clusterIPs"});
  if (!was_asked_for(served, nullptr, "f:healthCheckNodePort")) erase(spec, {"healthCheckNodePort"});
  Json* ports = find(object, {"spec", "ports"});
  if (ports == nullptr || !ports->is_array()) return;
  for (Json& port : *ports)
    if (port.is_object() && !was_asked_for(served, &port, "f:nodePort")) port.erase("nodePort");
}

void clean_claim(Manifest& manifest, const Surroundings& surroundings) {
  const std::string volume = text_at(manifest.object, {"spec", "volumeName"});
  if (volume.empty()) return;
  if (surroundings.fixed_volumes.count(volume) != 0) {
    manifest.notes.push_back("Binds to volume " + volume + ", which no provisioner made: cluster/ has it.");
    return;
  }
  erase(find(manifest.object, {"spec"}), {"volumeName"});
  manifest.notes.push_back("Was bound to volume " + volume +
                           ". Applied as it is, it gets a new and empty one; to have");
  manifest.notes.emplace_back("the old one where it still exists, apply that from cluster/ first.");
}

// What admission put into a pod that was made without a controller.
void clean_pod(Json& object) {
  Json* spec = find(object, {"spec"});
  erase(spec, {"nodeName", "serviceAccount", "priority", "preemptionPolicy", "ephemeralContainers"});
  const auto is_token = [](const Json& volume) { return text_at(volume, {"name"}).starts_with("kube-api-access-"); };
  erase_items(find(object, {"spec", "volumes"}), is_token);
  erase_items(find(object, {"spec", "tolerations"}), [](const Json& toleration) {
    const std::string key = text_at(toleration, {"key"});
    return (key == "node.kubernetes.io/not-ready" || key == "node.kubernetes.io/unreachable") &&
           toleration.value("tolerationSeconds", Json()) == 300;
  });
  for (const char* kind : {"containers", "initContainers"}) {
    Json* containers = find(object, {"spec", kind});
    if (containers == nullptr || !containers->is_array()) continue;
    for (Json& container : *containers) {
      erase_items(find(container, {"volumeMounts"}), is_token);
      if (container.is_object()) erase_if_empty(container, "volumeMounts");
    }
  }
  if (spec == nullptr || !spec->is_object()) return;
  erase_if_empty(*spec, "volumes");
  erase_if_empty(*spec, "tolerations");
}

void clean_job(Json& object) {
  if (is_true(object, {"spec", "manualSelector"})) return;
  erase(find(object, {"spec"}), {"selector"});
  for (Json* labels : {find(object, {"metadata", "labels"}), find(object, {"spec", "template", "metadata", "labels"})})
    for (const char* label : kJobLabels) erase(labels, {label});
}

// The controller fills in what it takes for its own; one with the uid of an account of the past it deletes.
// Source: kubernetes pkg/controller/serviceaccount/tokens_controller.go.
void clean_token(Manifest& manifest) {
  Json& object = manifest.object;
  erase(find(object, {"data"}), {"token", "ca.crt", "namespace"});
  erase_if_empty(object, "data");
  erase(find(object, {"metadata", "annotations"}), {"kubernetes.io/service-account.uid"});
  erase(find(object, {"metadata", "labels"}),
        {"kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since"});
  manifest.notes.emplace_back("The cluster puts a token in, a new one: who used the old one has to be given this.");
}

// Whether a server, before 1.24, made it: then its account lists it, and its name was generated.
// Source: kubernetes tokens_controller.go; apiserver pkg/storage/names/generate.go; apimachinery pkg/util/rand.
bool is_made_for_account(const std::string& secret, const Surroundings& surroundings) {
  constexpr std::size_t longest_base = 58;
  constexpr std::size_t random_part = 5;
  constexpr const char* letters = "bcdfghjklmnpqrstvwxz2456789";
  const auto token = surroundings.tokens.find(secret);
  if (token == surroundings.tokens.end() || surroundings.listed.count({token->second, secret}) == 0) return false;
  const std::string base = (token->second + "-token-").substr(0, longest_base);
  return secret.size() == base.size() + random_part && secret.starts_with(base) &&
         secret.find_first_not_of(letters, base.size()) == std::string::npos;
}

void clean_by_kind(const std::string& resource, const Json& served, Manifest& manifest,
                   const Surroundings& surroundings) {
  Json& object = manifest.object;
  if (resource == "namespaces") {
    object.erase("spec");  // finalizers
    erase(find(object, {"metadata", "labels"}), {"kubernetes.io/metadata.name"});
  } else if (resource == "services") {
    clean_service(object, served);
  } else if (resource == "persistentvolumeclaims") {
    clean_claim(manifest, surroundings);
  } else if (resource == "persistentvolumes") {
    erase(find(object, {"spec", "claimRef"}), {"uid", "resourceVersion"});
    manifest.notes.emplace_back("The object alone: what was on the volume is in no snapshot.");
  } else if (resource == "pods") {
    clean_pod(object);
  } else if (resource == "jobs.batch") {
    clean_job(object);
  } else if (resource == "serviceaccounts") {
    erase_items(find(object, {"secrets"}),
                [&](const Json& secret) { return is_made_for_account(text_at(secret, {"name"}), surroundings); });
    erase_if_empty(object, "secrets");
  } else if (resource == "secrets") {
    if (text_at(object, {"type"}) == kTokenType) clean_token(manifest);
  } else if (resource == "statefulsets.apps") {
    if (Json* claims = find(object, {"spec", "volumeClaimTemplates"}); claims != nullptr && claims->is_array())
      for (Json& claim : *claims) erase(&claim, {"status"});
  } else if (resource == "clusterroles.rbac.authorization.k8s.io" && object.contains("aggregationRule")) {
    object.erase("rules");
  }
}

core::YamlNode to_yaml(const Json& value) {
  core::YamlNode node;
  if (value.is_object()) {
    node.kind = core::YamlNode::Kind::map;
    for (const auto& [key, child] : value.items()) node.entries.push_back({key, to_yaml(child)});
  } else if (value.is_array()) {
    node.kind = core::YamlNode::Kind::sequence;
    for (const Json& child : value) node.items.push_back(to_yaml(child));
  } else if (!value.is_null()) {
    node.kind = core::YamlNode::Kind::scalar;
    node.quoted = value.is_string();
    node.scalar = node.quoted ? value.get<std::string>() : value.dump();
  }
  return node;
}

// Every value of `key` in the tree.
void collect(const Json& tree, const char* key, std::vector<std::string>& into) {
  if (tree.is_object())
    if (const auto found = tree.find(key); found != tree.end() && found->is_string() && !found->empty())
      into.push_back(*found);
  if (tree.is_structured())
    for (const Json& child : tree) collect(child, key, into);
}

}  // namespace

void note(const std::string& resource, const Json& object, Surroundings& surroundings) {
  if (resource == "services" && is_filled(find(object, {"spec", "selector"})))
    surroundings.selecting_services.insert(name_of(object));
  if (resource == "secrets" && text_at(object, {"type"}) == kTokenType)
    surroundings.tokens[name_of(object)] =
        text_at(object, {"metadata", "annotations", "kubernetes.io/service-account.name"});
  if (const Json* listed = resource == "serviceaccounts" ? find(object, {"secrets"}) : nullptr)
    for (const Json& secret : *listed) surroundings.listed.emplace(name_of(object), text_at(secret, {"name"}));
  if (resource == "persistentvolumes" &&
      text_at(object, {"metadata", "annotations", "pv.kubernetes.io/provisioned-by"}).empty())
    surroundings.fixed_volumes.insert(name_of(object));
}

bool others_depend_on(std::string_view resource) {
  return resource == "services" || resource == "secrets" || resource == "serviceaccounts";
}

bool is_transient(std::string_view resource) {
  return resource == "events" || resource == "events.events.k8s.io" || resource == "leases.coordination.k8s.io";
}

std::string_view reason_to_leave_out(const std::string& resource, const Json& object,
                                     const Surroundings& surroundings) {
  if (is_transient(resource)) return "transient";
  if (has_controller(object) || resource == "controllerrevisions.apps") return "controller";
  if (resource == "endpoints" &&
      (surroundings.selecting_services.count(name_of(object)) != 0 ||
       find(object, {"metadata", "annotations", "control-plane.alpha.kubernetes.io/leader"}) != nullptr))
    return "controller";
  if (resource == "endpointslices.discovery.k8s.io" &&
      surroundings.selecting_services.count(text_at(object, {"metadata", "labels", "kubernetes.io/service-name"})) != 0)
    return "controller";
  if (is_made_by_every_cluster(resource, object)) return "cluster";
  if (resource == "secrets" && is_made_for_account(name_of(object), surroundings)) return "token";
  return has_finished(resource, object) ? "finished" : "";
}

Manifest manifest_of(const std::string& resource, const std::string& api_version, const std::string& kind,
                     const Json& object, const Surroundings& surroundings) {
  Manifest manifest;
  Json& clean = manifest.object;
  clean = {{"apiVersion", api_version}, {"kind", kind}, {"metadata", Json::object()}};
  for (const char* key : {"name", "namespace", "labels", "annotations"})
    if (const Json* value = find(object, {"metadata", key})) clean["metadata"][key] = *value;
  for (const char* annotation : kTheirAnnotations) erase(find(clean, {"metadata", "annotations"}), {annotation});
  for (const auto& [key, value] : object.items())
    if (!clean.contains(key) && key != "status") clean[key] = value;
  erase_null_timestamps(clean);
  clean_by_kind(resource, object, manifest, surroundings);
  erase_if_empty(clean["metadata"], "labels");
  erase_if_empty(clean["metadata"], "annotations");
  return manifest;
}

std::string yaml_of(const Manifest& manifest) {
  std::string text;
  for (const std::string& line : manifest.notes) text += "# " + line + '\n';
  return text + core::write_yaml(to_yaml(manifest.object));
}

std::vector<Need> needs_of(const std::string& resource, const Json& object) {
  constexpr std::array<std::pair<const char*, const char*>, 4> classes{{
      {"storageClassName", "storageclasses.storage.k8s.io"},
      {"priorityClassName", "priorityclasses.scheduling.k8s.io"},
      {"runtimeClassName", "runtimeclasses.node.k8s.io"},
      {"ingressClassName", "ingressclasses.networking.k8s.io"},
  }};
  std::vector<Need> needs;
  for (const auto& [key, kind] : classes) {
    std::vector<std::string> names;
    collect(object, key, names);
    for (std::string& name : names)
      if (!name.empty() && !name.starts_with("system-")) needs.push_back({kind, std::move(name)});
  }
  if (resource == "persistentvolumeclaims" && !text_at(object, {"spec", "volumeName"}).empty())
    needs.push_back({"persistentvolumes", text_at(object, {"spec", "volumeName"})});
  if (text_at(object, {"roleRef", "kind"}) == "ClusterRole")
    needs.push_back({"clusterroles.rbac.authorization.k8s.io", text_at(object, {"roleRef", "name"})});
  return needs;
}

bool binds_accounts_of(const Json& binding, const std::set<std::string>& namespaces) {
  constexpr std::string_view group = "system:serviceaccounts:";
  const Json* subjects = find(binding, {"subjects"});
  return subjects != nullptr && subjects->is_array() &&
         std::any_of(subjects->begin(), subjects->end(), [&](const Json& subject) {
           const std::string kind = text_at(subject, {"kind"});
           const std::string name = text_at(subject, {"name"});
           if (kind == "ServiceAccount") return namespaces.count(text_at(subject, {"namespace"})) != 0;
           return kind == "Group" && name.starts_with(group) && namespaces.count(name.substr(group.size())) != 0;
         });
}

bool is_built_in(const Json& object) {
  return text_at(object, {"metadata", "labels", "kubernetes.io/bootstrapping"}) == "rbac-defaults";
}

std::string order_of(const std::string& resource, Origin origin) {
  static const std::map<std::string, int> order{
      {"namespaces", 10},
      {"limitranges", 20},
      {"serviceaccounts", 100},
      {"secrets", 110},
      {"configmaps", 120},
      {"roles.rbac.authorization.k8s.io", 130},
      {"rolebindings.rbac.authorization.k8s.io", 140},
      {"persistentvolumeclaims", 200},
      {"services", 300},
      {"endpoints", 310},
      {"endpointslices.discovery.k8s.io", 320},
      {"deployments.apps", 400},
      {"statefulsets.apps", 410},
      {"daemonsets.apps", 420},
      {"replicasets.apps", 430},
      {"replicationcontrollers", 440},
      {"cronjobs.batch", 450},
      {"jobs.batch", 460},
      {"pods", 470},
      {"horizontalpodautoscalers.autoscaling", 500},
      {"poddisruptionbudgets.policy", 510},
      {"ingresses.networking.k8s.io", 600},
      {"networkpolicies.networking.k8s.io", 610},
      {"resourcequotas", 700},  // one that has just been made refuses pods until it has been counted
  };
  constexpr int others = 800;
  constexpr int custom = 900;
  const auto found = order.find(resource);
  const int place = origin == Origin::custom ? custom : found != order.end() ? found->second : others;
  return fmt::format("{:03}-{}", place, file_name(resource));
}

std::string file_name(const std::string& name) {
  constexpr std::size_t longest = 200;
  const auto is_safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  };
  if (!name.empty() && name.size() <= longest && name[0] != '.' && std::all_of(name.begin(), name.end(), is_safe))
    return name;
  std::string safe = name.substr(0, longest);
  std::replace_if(
      safe.begin(), safe.end(), [&](char c) { return !is_safe(c) || c == '.'; }, '_');
  return safe + "-" + core::sha256_hex(name).substr(0, 12);
}

}  // namespace drill
