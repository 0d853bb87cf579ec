// What holds for every value that was taken for an object.
#pragma once

#include "tests/fuzz/fuzz.hpp"
#include "verifier/objects/object.hpp"

namespace fuzz {

inline void check_object(const verifier::StoredObject& object, std::size_t size_bytes) {
  for (const std::string* field :
       {&object.api_version, &object.kind, &object.name, &object.namespace_name, &object.uid, &object.kubelet_version})
    demand(field->size() <= size_bytes, "no field is longer than the value");
  if (object.newest_change) {
    using namespace std::chrono;
    demand(*object.newest_change >= sys_days(year(2014) / January / 1), "no object is older than Kubernetes");
    demand(*object.newest_change <= core::utc_now() + hours(25), "no object comes from the future");
  }
  demand(!object.control_plane || object.kind == "Node", "only a node carries a control plane");
}

}  // namespace fuzz
