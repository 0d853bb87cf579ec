// The drill-node programs that this drill carries: built by puller/node.cmake, sent to nodes by puller/helper.cpp.
#pragma once

#include <string_view>
#include <vector>

namespace puller {

struct NodeProgram {
  std::string_view arch;    // as uname -m says it
  std::string_view sha256;  // of the program
  std::string_view packed;  // the program: lines of base64 of its gzip, what a shell can unpack
};

/// One per architecture.
const std::vector<NodeProgram>& node_programs();

}  // namespace puller
