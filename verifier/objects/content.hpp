// What a leaf of a stored object must look like where Kubernetes leaves it no choice: in every version, for every
// writer. For the text and the bytes in a leaf; numbers are message.cpp's own. False alarms are worse here than missed
// flips.
#pragma once

#include <span>
#include <string_view>

#include "verifier/objects/schema.hpp"

namespace verifier {

/// Null when `text` is what a field of that content may hold; otherwise what is wrong with it, to follow the field's
/// name. managedFields are fields_v1.hpp's.
const char* problem_of_text(std::string_view text, const Field& field);

/// The same for the key and the value of one label or annotation of an object's own metadata, which the API server
/// validates for every kind but Event. Source: k8s.io/apimachinery, pkg/api/validation/objectmeta.go.
const char* problem_of_label(std::string_view key, std::string_view value);
const char* problem_of_annotation(std::string_view key, std::string_view value);

/// The same for one entry of the data of a Secret or ConfigMap.
const char* problem_of_payload(std::string_view key, std::string_view value);

/// True when one character keeps `text` from being a UUID, so that nobody gave it. The API server's own are lower-case
/// and of a version and variant that exist; what others write need not be.
enum class Giver { api_server, anybody };
bool is_almost_uuid(std::string_view text, Giver giver);

/// Equality for texts of which most differ at their ends already.
inline bool is_same(std::string_view text, std::string_view other) {
  return text.size() == other.size() &&
         (text.empty() || (text.front() == other.front() && text.back() == other.back() && text == other));
}

/// True for texts of the same length that differ in a single bit, other than in the case of a letter: people write
/// deployment for Deployment.
bool is_one_bit_apart(std::string_view text, std::string_view other);

/// True when `text` is none of `words`, but one bit away from one of them.
bool is_almost_one_of(std::string_view text, std::span<const std::string_view> words);

/// True when `text` is none of the field's words, but one bit away from one of them.
inline bool is_almost_a_word(std::string_view text, const Field& field) {
  return ((field.word_sizes >> (text.size() % 64)) & 1U) != 0 && is_almost_one_of(text, field.words);
}

}  // namespace verifier
