// Standard base64 with padding, as Go's encoding/base64.StdEncoding reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/secret.hpp"

namespace core {

/// The bytes of `text`; empty when it is no base64. New lines are skipped, as in Go.
std::optional<Secret> decode_base64(std::string_view text);

/// `bytes` on one line.
std::string encode_base64(std::string_view bytes);

}  // namespace core
