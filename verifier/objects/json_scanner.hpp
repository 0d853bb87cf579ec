// Is a text JSON? For texts inside stored objects: raw extensions, last applied configurations.
// Nothing is kept of it; json_tree.cpp is for documents of which something is asked for.
#pragma once

#include <string_view>

namespace verifier {

/// True for one JSON value and nothing but blanks around it. As lenient as Go's decoder where that goes beyond RFC
/// 8259: \u escapes need not pair up. The text's encoding is not looked at. Source: RFC 8259; Go encoding/json,
/// scanner.go.
bool is_json(std::string_view text);

/// The end of the JSON string that begins at `at`, behind its closing quote; null when there is no well-formed one.
const char* json_string_end(const char* at, const char* end);

}  // namespace verifier
