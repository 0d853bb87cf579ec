// Plain values as YAML that people read and kubectl takes: block style, texts of several lines as they are, and quotes
// around whatever some reader of YAML 1.1 or 1.2 would take for no text ("yes", "1e3", "0123", "~").
// Written by hand, as yaml-cpp's emitter loses the line break at the end of a block of text. The way back is
// core/yaml.hpp.
#pragma once

#include <string>

#include "core/yaml.hpp"

namespace core {

/// `node` with a line break at its end. A scalar that is not `quoted` is written as it stands: a number, true, false.
/// Texts are UTF-8.
std::string write_yaml(const YamlNode& node);

}  // namespace core
