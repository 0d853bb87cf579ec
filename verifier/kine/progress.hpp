// How a long look at a database says where it is.
#pragma once

#include <functional>
#include <string_view>

namespace verifier {

/// Called now and then with what is being done: "integrity_check", "decoding 4000 of 11000 rows".
using Progress = std::function<void(std::string_view)>;

}  // namespace verifier
