// kine's global revision: the id of a row, and the resourceVersion of the object that row wrote.
// A strong type, so that it is never mistaken for a count, an index or a size.
#pragma once

#include <compare>
#include <cstdint>

namespace core {

struct Revision {
  std::int64_t value = 0;
  auto operator<=>(const Revision&) const = default;
};

}  // namespace core
