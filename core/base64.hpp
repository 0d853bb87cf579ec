// Standard base64, as kubeconfigs and bootstrap bundles carry it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace core {

/// The bytes `text` stands for; empty for anything that is no padded standard base64.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace core
