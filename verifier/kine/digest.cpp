#include "verifier/kine/digest.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace verifier {

std::uint64_t digest_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace verifier
