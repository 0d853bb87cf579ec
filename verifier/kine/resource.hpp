// What a key under /registry/ says about its object: resource, namespace, name, or that it is no object at all.
// Source: kubernetes pkg/kubeapiserver/default_storage_factory_builder.go and apiserver storage_factory.go
// (ResourcePrefix), v1.37; k3s stores everything under /registry.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace verifier {

/// Views into the key.
struct KeyIdentity {
  std::string_view group;           // only when the key has the group form: custom resources, CRDs, APIServices
  std::string_view plural;          // kubectl's: "nodes" for "minions"
  std::string_view namespace_name;  // empty for cluster-scoped objects
  std::string_view name;
};

enum class KeyKind : std::uint8_t {
  other,     // not under /registry/: kine's and k3s's own
  internal,  // under /registry/, but no API object: ranges, masterleases, peerserverleases, health
  object,
  malformed,  // under /registry/, of a form that Kubernetes does not use
};

struct ParsedKey {
  KeyKind kind = KeyKind::other;
  KeyIdentity identity;  // for objects
};

ParsedKey parse_key(std::string_view key);

/// kubectl's name: "pods", "deployments.apps", "ingressroutes.traefik.io". The group comes from the key, or else from
/// the stored `api_version`; the core group has no suffix.
std::string resource_name(const KeyIdentity& identity, std::string_view api_version);

}  // namespace verifier
