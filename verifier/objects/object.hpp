// What the verifier wants to know of one stored value, whatever its encoding: protobuf (k8s\0), JSON or CBOR.
// Called for every row of the pass. Nothing of an object's payload is kept, only what identifies and dates it.
// What it does not do: decrypt (k8s:enc: is recognised and left sealed), or compare with the key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"

namespace verifier {

struct Owner {
  std::string kind;
  std::string name;
  std::string uid;
};

struct StoredObject {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string namespace_name;
  std::string uid;
  std::optional<core::UtcTime> newest_change;  // creation, deletion, managed fields; leases and events: their own times
  std::string kubelet_version;                 // of a Node
  bool control_plane = false;                  // a Node that carries that role
  std::vector<Owner> owners;
  bool terminating = false;          // it has a deletionTimestamp
  bool has_finalizers = false;       // that keep it until they are done
  bool unknown_kind = false;         // protobuf of a kind that Kubernetes 1.13 to 1.37 does not have
  std::uint32_t unknown_fields = 0;  // protobuf fields that they do not have; a newer Kubernetes may
  std::string doubt;                 // what no Kubernetes writes so and each takes all the same; empty for nothing
};

/// What stored values of the two binary encodings begin with; JSON begins with a brace.
inline constexpr std::string_view kProtobufPrefix{"k8s\0", 4};
inline constexpr std::string_view kCborPrefix = "\xd9\xd9\xf7";

inline constexpr std::string_view kControlPlaneLabel = "node-role.kubernetes.io/control-plane";

/// The newest Kubernetes 1.x whose fields and kinds are known.
inline constexpr int kNewestKnownMinor = 37;

/// True for a value sealed by encryption at rest.
bool is_sealed(std::string_view value);

/// Decodes `value`, of any of the encodings, walking it to its last byte and to its leaves, and comparing it with what
/// Kubernetes can have written. A value of hostile lengths or depth ends in an error, not in memory.
/// Throws: damaged, when Kubernetes would not take it either or could not answer with it, saying what is wrong and
/// never quoting the value; nor does a doubt.
StoredObject decode_object(std::string_view value);

/// The part for protobuf; `envelope` is what follows "k8s\0". Throws: damaged.
StoredObject decode_protobuf(std::string_view envelope);

/// Keeps the later of the two. Timestamps before Kubernetes existed, or more than a day ahead of this machine's clock,
/// are no times.
void keep_newest(std::optional<core::UtcTime>& newest, core::UtcTime timestamp);

}  // namespace verifier
