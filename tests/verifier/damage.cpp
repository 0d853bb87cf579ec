#include "tests/verifier/damage.hpp"

namespace damage {

std::string_view to_string(Needs needs) {
  constexpr std::string_view kNames[] = {"content", "content, as a warning", "previous", "a warning",
                                         "hash",    "nothing finds it"};
  return kNames[static_cast<int>(needs)];
}

const std::vector<Damage>& vocabulary() {
  static const std::vector<Damage> all = [] {
    std::vector<Damage> damages;
    for (const auto& part : {bit_damages(), page_damages(), row_damages(), log_damages(), file_damages()})
      damages.insert(damages.end(), part.begin(), part.end());
    return damages;
  }();
  return all;
}

}  // namespace damage
