// A program that is asked something aside, as it may take its time. It ends with us, however that ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "core/fd.hpp"

namespace node {

class Child {
 public:
  /// Starts `argv`; one without a program is none.
  explicit Child(std::vector<std::string> argv);
  /// Ends it, and what it has started.
  ~Child();
  Child(Child&&) = delete;

  /// What it writes to its stdout, up to its end, `size_bytes_at_most` or the end of `patience`.
  std::string answer(std::chrono::milliseconds patience, std::size_t size_bytes_at_most);

 private:
  core::Fd out_;
  pid_t child_ = -1;
};

}  // namespace node
