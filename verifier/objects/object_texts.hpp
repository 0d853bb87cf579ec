// The texts of a stored object, each with the path of keys that leads to it: "/spec/claimRef/name".
// For those who want a few texts of few objects; what protobuf gives is object_tree's table.
#pragma once

#include <functional>
#include <string_view>

namespace verifier {

using TakeText = std::function<void(std::string_view path, std::string_view text)>;

/// Those of an array have the array's path. Throws: damaged, after what came before the damage.
void read_texts(std::string_view value, const TakeText& take);

}  // namespace verifier
