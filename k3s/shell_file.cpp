#include "k3s/shell_file.hpp"

#include <algorithm>
#include <array>

namespace k3s {
namespace {

constexpr int kFilesDeep = 4;
constexpr std::string_view kBlank = " \t\r";
constexpr std::string_view kEndsCommand = "\n;&|()";

struct Word {
  std::string text;
  std::size_t assignment = 0;  // how long the name before "=" is
};

class ShellText {
 public:
  ShellText(std::string_view text, const Environment& variables) : text_(text), variables_(variables) {}

  bool at_end() const { return at_ >= text_.size(); }
  bool at_end_of_command() const { return at_end() || kEndsCommand.find(text_[at_]) != std::string_view::npos; }
  void skip_separators() { skip(" \t\r\n;&|()"); }

  /// Blanks, escaped ends of lines, and a comment.
  void skip_blanks() {
    while (true) {
      skip(kBlank);
      if (text_.substr(at_, 2) == "\\\n")
        at_ += 2;
      else if (!at_end() && text_[at_] == '#')
        at_ = std::min(text_.find('\n', at_), text_.size());
      else
        return;
    }
  }

  Word word() {
    Word word;
    const std::string_view name = leading_name(text_.substr(at_));
    if (!name.empty() && text_.substr(at_ + name.size(), 1) == "=") word.assignment = name.size();
    while (!at_end_of_command() && kBlank.find(text_[at_]) == std::string_view::npos) take(word.text);
    return word;
  }

 private:
  void skip(std::string_view characters) { at_ = std::min(text_.find_first_not_of(characters, at_), text_.size()); }

  void take(std::string& word) {
    const char c = text_[at_];
    if (c == '\'') {
      const std::size_t end = std::min(text_.find('\'', at_ + 1), text_.size());
      word += text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    } else if (c == '"') {
      for (++at_; !at_end() && text_[at_] != '"';) take_quoted(word);
      ++at_;
    } else if (c == '\\') {
      if (text_.substr(at_ + 1, 1) != "\n") word += text_.substr(at_ + 1, 1);
      at_ += 2;
    } else {
      take_expanded(word);
    }
  }

  void take_quoted(std::string& word) {
    const std::string_view next = text_.substr(at_ + 1, 1);
    if (text_[at_] != '\\' || next.empty() || std::string_view("\"\\$`\n").find(next[0]) == std::string_view::npos)
      return take_expanded(word);
    if (next != "\n") word += next;
    at_ += 2;
  }

  // One character, or what stands for the variable that begins here. What a command would print is not known.
  void take_expanded(std::string& word) {
    const std::string_view rest = text_.substr(at_);
    if (rest[0] == '`') {
      at_ += std::min(rest.find('`', 1), rest.size() - 1) + 1;
    } else if (rest.starts_with("$(")) {
      at_ += std::min(rest.find(')'), rest.size() - 1) + 1;
    } else if (rest.starts_with("${")) {
      const std::size_t end = std::min(rest.find('}'), rest.size());
      word += expanded(rest.substr(2, end - 2));
      at_ += end + 1;
    } else if (const std::string_view name = leading_name(rest.substr(1)); rest[0] == '$' && !name.empty()) {
      word += value_of(variables_, name);
      at_ += 1 + name.size();
    } else {
      word += rest[0];
      ++at_;
    }
  }

  // NAME, NAME:-WORD, NAME-WORD.
  std::string expanded(std::string_view text) const {
    const std::string_view name = leading_name(text);
    const std::string value = value_of(variables_, name);
    text.remove_prefix(name.size());
    const bool or_empty = text.starts_with(':');
    if (or_empty) text.remove_prefix(1);
    const bool missing = or_empty ? value.empty() : variables_.find(name) == variables_.end();
    return text.starts_with('-') && missing ? std::string(text.substr(1)) : value;
  }

  std::string_view text_;
  const Environment& variables_;
  std::size_t at_ = 0;
};

class ShellFile {
 public:
  ShellFile(std::string file, const FindText& find, ShellState& state, int depth)
      : file_(std::move(file)), find_(find), state_(state), depth_(depth) {}

  void read(std::string_view text) {
    ShellText shell(text, state_.variables);
    while (true) {
      shell.skip_blanks();
      shell.skip_separators();
      if (shell.at_end()) return;
      shell.skip_blanks();
      if (shell.at_end_of_command()) continue;
      const Word first = shell.word();
      if (is_reserved(first.text)) continue;
      if (first.assignment > 0) {
        set(first, state_.exports_all);
        continue;
      }
      run(first.text, rest_of_command(shell, first.text == "export"));
    }
  }

 private:
  static bool is_reserved(std::string_view word) {
    constexpr std::array<std::string_view, 10> words{"if", "then", "else", "elif", "fi", "do", "{", "}", "!", "while"};
    return std::find(words.begin(), words.end(), word) != words.end();
  }

  std::vector<Word> rest_of_command(ShellText& shell, bool exports) {
    std::vector<Word> words;
    for (shell.skip_blanks(); !shell.at_end_of_command(); shell.skip_blanks()) {
      words.push_back(shell.word());
      if (exports && words.back().assignment > 0) set(words.back(), true);
    }
    return words;
  }

  void run(std::string_view command, const std::vector<Word>& words) {
    if (words.empty()) return;
    if (command == "export") {
      for (const Word& word : words)
        if (const auto found = state_.variables.find(word.text); found != state_.variables.end())
          state_.exported[found->first] = found->second;
    } else if (command == "set") {
      if (words[0].text == "-a" || words.back().text == "allexport") state_.exports_all = words[0].text[0] == '-';
      if (words[0].text == "+a") state_.exports_all = false;
    } else if ((command == "." || command == "source") && depth_ < kFilesDeep) {
      if (const std::optional<std::string> text = find_(words[0].text))
        ShellFile(words[0].text, find_, state_, depth_ + 1).read(*text);
    }
  }

  void set(const Word& word, bool exported) {
    const std::string name = word.text.substr(0, word.assignment);
    const Value value{word.text.substr(word.assignment + 1), file_};
    state_.variables[name] = value;
    if (exported || state_.exported.find(name) != state_.exported.end()) state_.exported[name] = value;
  }

  std::string file_;
  const FindText& find_;
  ShellState& state_;
  int depth_;
};

}  // namespace

void read_shell_file(const std::string& text, const std::string& file, const FindText& find, ShellState& state) {
  ShellFile(file, find, state, 0).read(text);
}

std::vector<std::string> shell_words(std::string_view text, const Environment& variables) {
  std::vector<std::string> words;
  ShellText shell(text, variables);
  while (true) {
    shell.skip_blanks();
    shell.skip_separators();
    if (shell.at_end()) return words;
    if (!shell.at_end_of_command()) words.push_back(shell.word().text);
  }
}

Start openrc_start(const std::string& script, const std::string& file, const FindText& find) {
  ShellState state;
  const std::string conf = "/etc/conf.d/k3s";
  if (const std::optional<std::string> text = find(conf)) read_shell_file(*text, conf, find, state);
  read_shell_file(script, file, find, state);
  const auto arguments = state.variables.find("command_args");
  Start start{{}, arguments == state.variables.end() ? file : arguments->second.file, state.exported};
  start.words = shell_words(value_of(state.variables, "command") + " " + value_of(state.variables, "command_args"),
                            state.variables);
  return start;
}

}  // namespace k3s
