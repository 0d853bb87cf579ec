// What every fuzz target needs: a stranger's bytes as text, and what is allowed to come of them.
// A target is one file with one libFuzzer entry; tests/fuzz/CMakeLists.txt names them, scripts/fuzz runs them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program when `holds` is not true; libFuzzer then keeps the input.
inline void demand(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "fuzz: it does not hold that " << what << "\n";
  std::abort();
}

/// Runs `work`, which may say that the input is damaged. Any other exception, and a message of more than one line or
/// of the input's own length, is a bug.
template <class Work>
void may_be_damaged(Work&& work) {
  try {
    work();
  } catch (const core::Error& error) {
    const std::string_view message = error.what();
    demand(error.kind() == core::ErrorKind::damaged, "a refusal is of kind damaged");
    demand(message.size() < 2000, "a refusal is short");
    demand(message.find('\n') == std::string_view::npos, "a refusal is one line");
  }
}

}  // namespace fuzz
