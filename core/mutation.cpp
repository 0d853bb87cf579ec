#include "core/mutation.hpp"

#include <cstdlib>

namespace core {

#ifdef DRILL_MUTANTS
bool mutated(std::string_view name) noexcept {
  const char* chosen = std::getenv("DRILL_MUTANT");
  return chosen != nullptr && name == chosen;
}
#endif

}  // namespace core
