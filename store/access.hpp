// Who may work in a store, and what to do where somebody may not: whose a file is, which user this is, which command
// changes it. For every message of the store that says no.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "core/error.hpp"

namespace store {

/// What to do about `errno_value`, met at `path` in the store at `root`; empty where nothing is known to help.
std::string cure_for(int errno_value, const std::filesystem::path& root, const std::filesystem::path& path);

/// Runs `work` on `path`, in the store at `root`; what it throws says what to do about it.
template <class Work>
auto with_cure(const std::filesystem::path& root, const std::filesystem::path& path, Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::filesystem::filesystem_error&) {
    core::Error error = core::caught();
    if (const std::string cure = cure_for(error.errno_value(), root, path); !cure.empty()) error.add_cure(cure);
    throw error;
  } catch (core::Error& error) {
    if (const std::string cure = cure_for(error.errno_value(), root, path); !cure.empty()) error.add_cure(cure);
    throw;
  }
}

}  // namespace store
