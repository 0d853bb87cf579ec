// What is wrong with a text that is no YAML, and what to write instead, in words for who wrote it.
// What it does not do: find it (core/yaml.cpp).
#pragma once

#include <string_view>

namespace core {

/// `message`: yaml-cpp's own, about line `line` (from 0) of `text`. Source: yaml-cpp 0.7,
/// include/yaml-cpp/exceptions.h.
std::string_view yaml_problem(std::string_view message, std::string_view text, int line);

/// Whether the quote at `position` of `text` is closed nowhere: yaml-cpp takes all up to the end for quoted.
bool is_open_quote(std::string_view text, int position);
inline constexpr std::string_view kOpenQuote = "a quote is opened and not closed: close it, with the same sign";

}  // namespace core
