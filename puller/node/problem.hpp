// Why this node cannot be pulled: "CODE DETAIL", told to the controller, which knows the words and the cure for each
// code (ssh/node_problem.cpp). Thrown anywhere below, caught in main.
#pragma once

#include <stdexcept>
#include <string>

namespace node {

class Problem : public std::runtime_error {
 public:
  explicit Problem(const std::string& code_and_detail) : std::runtime_error(code_and_detail) {}
};

/// The controller has gone, or has cancelled: nobody is left to be told.
class PeerGone : public std::runtime_error {
 public:
  PeerGone() : std::runtime_error("the controller has gone") {}
};

}  // namespace node
