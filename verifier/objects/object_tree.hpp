// A stored object as one tree of names and texts, whatever its encoding, so that a check about a kind is written once.
// Of protobuf only what is asked for has names: annotations, webhooks, API services, custom resource definitions, TLS
// secrets, volumes, images.
// Called for the few objects of those kinds, after the pass; all objects are decoded by object.hpp.
#pragma once

#include <string_view>

#include "verifier/objects/tree.hpp"

namespace verifier {

/// Bytes, which JSON writes in base64, are given as they are stored. Throws: damaged.
void walk_object(std::string_view value, TreeVisitor& visitor);

}  // namespace verifier
