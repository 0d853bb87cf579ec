// Walks a stored protobuf message to its leaves along the schema. Kubernetes' marshallers leave little choice: fields
// in ascending order, what is no pointer always written, maps sorted, numbers as short as they can be. Whatever differs
// was changed after it was written. What Kubernetes' own decoder refuses, or cannot answer with, is damage; what it
// takes is a doubt. A field the schema does not know is counted and not checked: a newer Kubernetes may have it. It
// gathers nothing; object_protobuf.cpp does. Source: generated.pb.go of k8s.io/api 1.13 to 1.37, checked by
// verifier/kubernetes_schema.py.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "verifier/objects/schema.hpp"

namespace verifier {

struct Walked {
  std::uint32_t unknown_fields = 0;  // to the schema
  std::string doubt;                 // the first; empty when there is none
};

/// Throws: damaged, naming the kind and the path of the field, as a doubt does.
Walked walk_message(std::string_view bytes, const Message& message);

}  // namespace verifier
