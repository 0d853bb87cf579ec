// What the restored control plane answers in protobuf, as values: metadata of listed objects, an error's words, and the
// datastore's rows. The door to protozero, next to the two sources of such answers (api, kine_client).
// What it does not do: look into objects; the verifier does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/revision.hpp"

namespace drill {

/// One object as the API serves it. The views live as long as the answer they were read from.
struct ServedMetadata {
  std::string_view namespace_name;
  std::string_view name;
  std::string_view uid;
  core::Revision revision;  // its resourceVersion
};

/// Hands on the metadata of every item of a PartialObjectMetadataList in Kubernetes' envelope.
/// Throws: damaged for anything else.
/// Source: apimachinery pkg/apis/meta/v1/generated.proto, pkg/runtime/generated.proto v0.37.2.
void read_metadata_list(std::string_view body, const std::function<void(const ServedMetadata&)>& take);

/// The message of a Status in Kubernetes' envelope, else the text itself, at most 300 characters of it.
std::string read_status_message(std::string_view body);

/// A key of the datastore as of one revision.
struct StoredValue {
  std::string_view key;
  core::Revision revision;  // of its newest change
  std::string_view value;
};

/// Asks for the keys from `first` up to `end`, which is not among them, or for the key `first` alone where `end` is
/// empty, as of `revision`; at most `limit` of them, 0: all. Source: etcd api/etcdserverpb/rpc.proto v3.6.
std::string range_request(std::string_view first, std::string_view end, core::Revision revision, std::uint64_t limit);

/// Asks how many keys there are from `first` up to `end`, now.
std::string count_request(std::string_view first, std::string_view end);

/// Throws: damaged.
std::uint64_t read_count_response(std::string_view message);

/// Hands on what the answer holds; true when there is more. Throws: damaged.
bool read_range_response(std::string_view message, const std::function<void(const StoredValue&)>& take);

}  // namespace drill
