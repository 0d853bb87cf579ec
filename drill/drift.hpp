// What the restored cluster's own controllers changed once they ran: by resource, against what was restored. It
// explains what an operator will see after a real restore; it is never counted as loss.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "drill/proof/proof.hpp"

namespace drill {

struct Drift {
  struct Counts {
    std::uint64_t created = 0;
    std::uint64_t changed = 0;
    std::uint64_t deleted = 0;
  };
  std::chrono::nanoseconds settled{0};  // how long they had
  std::map<std::string, Counts> by_resource;
  std::vector<std::string> examples;  // "changed: nodes node-1", a few of each kind
};

/// `restored` is the listing at the snapshot's revision, `now` a later one.
Drift compare_over_time(const Listing& restored, const Listing& now);

}  // namespace drill
