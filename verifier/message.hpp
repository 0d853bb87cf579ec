// Walks a stored protobuf message to its leaves along the schema. Kubernetes' marshallers leave little choice: fields
// in ascending order, what is no pointer always written, maps sorted, numbers as short as they can be. Whatever differs
// was changed after it was written. A field the schema does not know is counted and not judged: a newer Kubernetes may
// have it. It gathers nothing; object_protobuf.cpp does. Source: generated.pb.go of k8s.io/api 1.13 to 1.37, checked by
// verifier/kubernetes_schema.py.
#pragma once

#include <cstdint>
#include <string_view>

#include "verifier/schema.hpp"

namespace verifier {

/// How many fields are unknown to the schema. Throws: damaged, naming the kind and the path of the field.
std::uint32_t walk_message(std::string_view bytes, const Message& message);

}  // namespace verifier
