// Words that Kubernetes, k3s and their controllers write over and over. Most are no closed set, so another word is
// nothing to wonder about; one that is a single bit away from such a word is a damaged one.
#pragma once

#include <span>
#include <string_view>

#include "verifier/objects/schema.hpp"

namespace verifier {

/// The words of a string field, or of the keys of a map; empty when none are known.
std::span<const std::string_view> words_of(const Message& message, const Field& field);

}  // namespace verifier
