// managedFields: which fields of an object which manager owns, as a tree in JSON that often is the larger half of an
// object. Kubernetes writes it anew with every change, in one form: no values, prefixed keys, in order.
// Source: sigs.k8s.io/structured-merge-diff, fieldpath/serialize.go and element.go.
#pragma once

#include <string_view>

#include "verifier/objects/schema.hpp"

namespace verifier {

/// True for such a tree. With the `message` of the object's kind, names that are one bit away from one of its fields'
/// make it false as well; null for kinds without one.
bool is_fields_v1(std::string_view text, const Message* message);

/// True for a key of the tree: ".", or what begins with the prefix of a field, a key, a value or an index.
bool is_path_element(std::string_view key);

}  // namespace verifier
