// Makes a few encoded fields a message as Kubernetes writes it: whatever is always written and is not there is added,
// empty, at every level, and fields are brought into order. So tests name only what they are about.
#pragma once

#include <string>
#include <string_view>

#include "verifier/objects/schema.hpp"

namespace kine {

std::string complete(std::string_view fields, const verifier::Message& message);

}  // namespace kine
