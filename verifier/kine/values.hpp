// The live values of a snapshot as they are stored, unjudged: what a restored datastore is compared with, byte by byte.
// Beside verify() and for the same scratch copy. What it does not do: decode anything.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "core/revision.hpp"

namespace verifier {

/// Hands on each live key from `first` up to `end`, which is not among them, with the revision of its newest change and
/// its value, empty where none is stored. In no order. The views live until `take` returns.
/// Throws: damaged, storage, timeout, cancelled.
void read_values(const std::filesystem::path& database, std::string_view first, std::string_view end,
                 const std::function<void(std::string_view key, core::Revision, std::string_view value)>& take);

}  // namespace verifier
