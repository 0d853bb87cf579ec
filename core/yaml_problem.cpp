#include "core/yaml_problem.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace core {
namespace {

using Words = std::pair<std::string_view, std::string_view>;

// By the beginning of the library's message.
constexpr std::array<Words, 21> kWords{{
    {"illegal map value",
     "a ':' is not expected here: indent the keys of one map alike, and quote a text with ': ' in it"},
    {"illegal map key", "a key is not expected here: indent the keys of one map alike"},
    {"end of map not found", "this does not go on with the map above: KEY: VALUE, indented like its other keys"},
    {"end of sequence not found",
     "this does not go on with the list above: '- ' in front of each item, indented alike"},
    {"end of map flow not found", "a '{' is not closed: write '}' behind its last value, and ',' between values"},
    {"end of sequence flow not found", "a '[' is not closed: write ']' behind its last value, and ',' between values"},
    {"illegal flow end", "a '}' or ']' closes nothing: take it away, or quote the text"},
    {"illegal block entry", "a '-' is not expected here: put each item of a list on a line of its own"},
    {"illegal tab", "a tab indents this line: indent with spaces"},
    {"illegal EOF in scalar", kOpenQuote},
    {"illegal document indicator", kOpenQuote},
    {"illegal character in scalar", "a tab or another character that no key may have: write spaces"},
    {"unknown escape character", "a '\\' in double quotes: write it twice, or quote with '...'"},
    {"bad character found while scanning hex", "a '\\' in double quotes: write it twice, or quote with '...'"},
    {"invalid unicode", "a '\\' in double quotes: write it twice, or quote with '...'"},
    {"unknown token", "no value begins with this character: quote the text"},
    {"alias", "a '*' begins an alias: quote the text if it is none"},
    {"the referenced anchor", "a '*' names an anchor that is not there: quote the text if it is none"},
    {"unknown anchor", "a '*' names an anchor that is not there: quote the text if it is none"},
    {"anchor", "an '&' begins an anchor: quote the text if it is none"},
    {"illegal character found while scanning a", "a '*' or '&' begins this: quote the text"},
}};

bool is_indented_by_tab(std::string_view text, int line) {
  for (; line > 0 && !text.empty(); --line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return text.substr(0, text.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
}

}  // namespace

std::string_view yaml_problem(std::string_view message, std::string_view text, int line) {
  if (is_indented_by_tab(text, line)) return "a tab indents this line: indent with spaces";
  for (const auto& [theirs, ours] : kWords)
    if (message.starts_with(theirs)) return ours;
  return "this is no YAML: look at the indentation, the quotes and the brackets here and on the line above";
}

bool is_open_quote(std::string_view text, int position) {
  if (position < 0 || static_cast<std::size_t>(position) >= text.size()) return false;
  const char quote = text[static_cast<std::size_t>(position)];
  if (quote != '"' && quote != '\'') return false;
  for (std::size_t i = static_cast<std::size_t>(position) + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\')
      ++i;
    else if (text[i] == quote)
      return false;
  }
  return true;
}

}  // namespace core
