// What of an object, as the API serves it, somebody once wrote: the manifest to apply it again with. Pure functions for
// drill/explore/export.cpp: which objects are left out and why, what is taken off the others, and in which order they
// go in. What it does not do: read from an API, or write a file.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drill {

using Json = nlohmann::ordered_json;

/// What other objects say that decides about one.
struct Surroundings {
  std::set<std::string> selecting_services;   // names; a controller makes the endpoints of each
  std::map<std::string, std::string> tokens;  // Secrets with the token of a service account, and the account of each
  std::set<std::pair<std::string, std::string>> listed;  // service account and a Secret that it names
  std::set<std::string> fixed_volumes;                   // PersistentVolumes that no provisioner made
};

/// Whether objects of the resource decide about others.
bool others_depend_on(std::string_view resource);

/// Takes note of an object that others depend on; all of a namespace go in before one is checked.
void note(const std::string& resource, const Json& object, Surroundings& surroundings);

/// Why an object is not written: "controller" (made from another object), "cluster" (every cluster makes it itself),
/// "token" (made by the server for a service account), "transient" (events, leases), "finished" (jobs and pods that ran
/// to their end and would run again). Empty when it is written.
std::string_view reason_to_leave_out(const std::string& resource, const Json& object, const Surroundings& surroundings);

/// Whether no object of the resource is ever written, so that it need not be read.
bool is_transient(std::string_view resource);

struct Manifest {
  Json object;
  std::vector<std::string> notes;  // for whoever looks at it before applying it
};

/// `object` without what servers and controllers set; `api_version` and `kind` are put in front.
Manifest manifest_of(const std::string& resource, const std::string& api_version, const std::string& kind,
                     const Json& object, const Surroundings& surroundings);

/// The manifest as a YAML file, its notes as comments.
std::string yaml_of(const Manifest& manifest);

/// Objects of a cluster's scope that one needs to work.
struct Need {
  std::string resource;  // "storageclasses.storage.k8s.io"
  std::string name;
  bool operator<(const Need& other) const { return std::tie(resource, name) < std::tie(other.resource, other.name); }
};

/// Classes, volumes and cluster roles that a manifest names.
std::vector<Need> needs_of(const std::string& resource, const Json& object);

/// Whether a ClusterRoleBinding gives something to a service account of `namespaces`.
bool binds_accounts_of(const Json& binding, const std::set<std::string>& namespaces);

/// Whether every cluster makes this one of its scope itself.
bool is_built_in(const Json& object);

enum class Origin { built_in, custom };

/// "110-secrets": directories that sort in the order in which objects have to be applied.
std::string order_of(const std::string& resource, Origin origin);

/// `name` as the name of a file, without its ending: itself where that is safe, else cut and told apart by a hash.
std::string file_name(const std::string& name);

}  // namespace drill
