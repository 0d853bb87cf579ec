// What a power cut would lose, told from the steps of a program (tests/crash_stepper.hpp): names and bytes that were
// made but not flushed. A crash of the program alone loses none of them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/crash_stepper.hpp"

namespace crash {

class Unflushed {
 public:
  /// Takes note of a step that is about to happen.
  void see(const Step& step);

  /// Files below `directory`, and directories from it on, that have changed since they were last flushed.
  std::vector<std::string> in(const std::string& directory) const;

 private:
  void forget(const std::string& path);
  std::set<std::string> changed_;
};

}  // namespace crash
