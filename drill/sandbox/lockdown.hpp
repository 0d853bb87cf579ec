// What an engine is not able to do: the last thing that happens to its process before exec. It has no capability and
// gets none, it may not make the system calls that an API server never makes, and where no cgroup holds it to its caps
// the limits of a process do, as far as they can. It does not look at files or the network: those are not there.
#pragma once

#include <optional>

#include "drill/sandbox/caps.hpp"

namespace drill {

/// For good, and for all this process starts. `caps`: limits to set, empty when a cgroup has them. Throws: Failure.
void lock_down(const std::optional<Caps>& caps);

}  // namespace drill
