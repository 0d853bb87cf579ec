// What a snapshot may be made of: one set of limits for what is taken in from a node, stored, and read again. A pull
// checks all of them before anything is published, so that nothing is stored that cannot be read. How large a database
// may be, the configuration says (limits.database).
#pragma once

#include <cstddef>
#include <cstdint>

namespace store {

inline constexpr std::uint64_t kSmallFileBytes = 1U << 20U;  // token, config.yaml, and each part of it
inline constexpr std::size_t kSmallFiles = 1000;
inline constexpr std::uint64_t kSmallFilesBytes = 16U << 20U;  // all of them
inline constexpr std::size_t kFileNameBytes = 200;             // a plain name, "config.yaml.d-..."
inline constexpr std::size_t kFactBytes = 100;                 // a version, an architecture: printable ASCII
inline constexpr std::uint64_t kManifestBytes = 1U << 20U;     // as a tree in memory it takes many times that

}  // namespace store
