// The one way from a JSON value to text, which no content can keep from being written: bytes that are no
// UTF-8 become U+FFFD, and what could steer a terminal is written as an escape with the same value.
// What it does not do: decide what is in a document.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace core {

/// A document for a person to read, with its new line; or one line, without.
enum class JsonLayout { document, line };
std::string json_text(const nlohmann::ordered_json& value, JsonLayout layout = JsonLayout::document);

}  // namespace core
