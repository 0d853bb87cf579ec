// One program that has our terminal: it shares stdin, stdout and stderr with us, and Ctrl-C is its to answer, not ours,
// as long as it lives. For what a user asked to be run (drill explore); programs of our own are core/process.hpp's.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/fd.hpp"

namespace core {

class Foreground {
 public:
  /// Starts argv[0], a path or a name looked up in PATH, with our environment and `environment` over it. It dies with
  /// us even when we are killed. Throws: not_found, denied, storage.
  Foreground(const std::vector<std::string>& argv, const std::map<std::string, std::string>& environment);
  Foreground(const Foreground&) = delete;
  Foreground& operator=(const Foreground&) = delete;
  /// Asks it to end, and kills it when it has not after five seconds.
  ~Foreground();

  /// Readable once it has ended.
  int fd() const { return process_.get(); }
  /// Once it has ended: 0..255, or 128 + the signal that ended it.
  std::optional<int> exit_code();

 private:
  pid_t pid_ = -1;
  Fd process_;
  std::optional<int> exit_code_;
  struct sigaction interrupt_ {};  // what these two did before
  struct sigaction quit_ {};
};

}  // namespace core
