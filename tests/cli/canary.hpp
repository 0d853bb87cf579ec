// Secrets that can be found again: a canary is a text that is nowhere else, planted where only a Secret, a token or a
// key may be, and looked for in everything that the program says and writes.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace canary {

class Canary {
 public:
  /// `place` says where it is planted.
  explicit Canary(std::string place);
  const std::string& text() const { return text_; }
  const std::string& place() const { return place_; }
  /// What of it is looked for: a piece of eight characters or more, as it is, as base64 in each of three alignments, as
  /// hex digits, as in a URL, and as JSON may write it.
  const std::map<std::string, std::string>& forms() const { return forms_; }

 private:
  std::string place_;
  std::string text_;
  std::map<std::string, std::string> forms_;  // what it is called, and what it looks like
};

/// "PLACE as FORM" for all that is in `text`.
std::vector<std::string> found_in(std::string_view text, const std::vector<Canary>& canaries);

/// The same in every file below `directory` whose name is not one of databases and tokens, which hold secrets by their
/// nature: state.db*, token.
std::vector<std::string> found_below(const std::filesystem::path& directory, const std::vector<Canary>& canaries);

}  // namespace canary
