// A control group of the sandbox's own, which holds what is in it to its Caps: where we are root and the host has the
// controllers of memory and pids, of version 1 or 2; elsewhere there is none, and drill/sandbox/lockdown.cpp sets what
// limits a process can. One left by a drill that was killed together with its sandbox is removed by the next.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "drill/sandbox/caps.hpp"

namespace drill {

class Cgroup {
 public:
  /// Makes it where that can be done, and removes what dead drills have left.
  explicit Cgroup(const Caps& caps);
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  ~Cgroup() { remove(); }

  /// Puts this process, and all it forks from now on, under the caps. False when there is no cgroup.
  bool join() const noexcept;

  /// The cap that was reached, if one was.
  std::optional<Cap> reached() const;

  /// Once nobody is in it any more. Returns what could not be removed.
  std::vector<std::string> remove() noexcept;

 private:
  std::vector<std::filesystem::path> directories_;  // one, or one for each controller
};

}  // namespace drill
