#include "k3s/unit_file.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <optional>

#include "k3s/shell_file.hpp"

namespace k3s {
namespace {

constexpr std::string_view kWhitespace = " \t\n\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(kWhitespace), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kWhitespace) + 1);
}

bool is_comment(std::string_view line) { return line.starts_with('#') || line.starts_with(';'); }

// An odd number of backslashes at its end: the next line goes on.
bool continues(std::string_view line) {
  const std::size_t last = line.find_last_not_of('\\');
  return (line.size() - (last == std::string_view::npos ? 0 : last + 1)) % 2 == 1;
}

struct Setting {
  std::string name;
  std::string value;
};

// Lines as systemd counts them: a backslash at the end goes on in the next one, comments in between are none.
std::vector<std::string> whole_lines(std::string_view text) {
  std::vector<std::string> lines;
  bool goes_on = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.pop_back();
    if (is_comment(trimmed(line))) continue;
    if (!goes_on) lines.emplace_back();
    goes_on = continues(line);
    if (goes_on) line.back() = ' ';
    lines.back() += line;
  }
  return lines;
}

std::vector<Setting> service_settings(std::string_view text) {
  std::vector<Setting> settings;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  bool in_service = false;
  for (const std::string& line : whole_lines(text)) {
    const std::string_view words = trimmed(line);
    const std::size_t equals = words.find('=');
    if (words.starts_with('['))
      in_service = words == "[Service]";
    else if (in_service && equals != std::string_view::npos)
      settings.push_back(
          {std::string(trimmed(words.substr(0, equals))), std::string(trimmed(words.substr(equals + 1)))});
  }
  return settings;
}

// Specifiers that a file alone tells; the others stay as they are.
std::string with_specifiers(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '%' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 'N' || next == 'p')
      result += "k3s";
    else if (next == 'n')
      result += "k3s.service";
    else if (next == '%')
      result += '%';
    else {
      result += text[i];
      continue;
    }
    ++i;
  }
  return result;
}

// What follows a backslash, by which `text` does not yet begin with.
std::string unescaped(std::string_view& text) {
  const char c = text.front();
  text.remove_prefix(1);
  constexpr std::string_view letters = "abfnrtvs";
  constexpr std::string_view meanings = "\a\b\f\n\r\t\v ";
  if (const std::size_t at = letters.find(c); at != std::string_view::npos) return {meanings[at]};
  if (c == '\\' || c == '"' || c == '\'') return {c};
  const auto number = [&](std::size_t digits, int base) -> std::optional<std::string> {
    const std::string word(text.substr(0, digits));
    char* end = nullptr;
    const long value = std::strtol(word.c_str(), &end, base);
    if (word.size() < digits || end != word.c_str() + digits || value <= 0 || value > 255) return std::nullopt;
    text.remove_prefix(digits);
    return std::string{static_cast<char>(value)};
  };
  if (c == 'x')
    if (const std::optional<std::string> byte = number(2, 16)) return *byte;
  return {'\\', c};
}

// The words of a line. Quotes and escapes are taken away.
std::vector<std::string> unit_words(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (quote == 0 && kWhitespace.find(c) != std::string_view::npos) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == '\\' && !text.empty())
      words.back() += unescaped(text);
    else if (quote == c)
      quote = 0;
    else if (quote == 0 && (c == '\'' || c == '"'))
      quote = c;
    else
      words.back() += c;
  }
  return words;
}

// ${NAME} anywhere in a word; $NAME as a word of its own stands for the words of its value; $$ is a dollar.
std::vector<std::string> with_variables(const std::vector<std::string>& words, const Environment& environment) {
  std::vector<std::string> result;
  for (const std::string& word : words) {
    if (word.starts_with('$') && is_variable_name(std::string_view(word).substr(1))) {
      for (std::string& part : unit_words(value_of(environment, word.substr(1)))) result.push_back(std::move(part));
      continue;
    }
    std::string& text = result.emplace_back();
    for (std::string_view rest = word; !rest.empty();) {
      const std::size_t end = rest.starts_with("${") ? rest.find('}') : std::string_view::npos;
      if (rest.starts_with("$$")) {
        text += '$';
        rest.remove_prefix(2);
      } else if (end != std::string_view::npos && is_variable_name(rest.substr(2, end - 2))) {
        text += value_of(environment, rest.substr(2, end - 2));
        rest.remove_prefix(end + 1);
      } else {
        text += rest.front();
        rest.remove_prefix(1);
      }
    }
  }
  return result;
}

struct Command {
  std::vector<std::string> words;
  bool expands = true;
};

Command command_of(std::string_view line) {
  Command command;
  const std::size_t begin = std::min(line.find_first_not_of("@-:+!|"), line.size());
  const std::string_view prefixes = line.substr(0, begin);
  for (const std::string& word : unit_words(line.substr(begin))) {
    if (word == ";") break;
    command.words.push_back(with_specifiers(word));
  }
  if (prefixes.find('@') != std::string_view::npos && command.words.size() > 1)
    command.words.erase(command.words.begin() + 1);  // another name for the program
  command.expands = prefixes.find(':') == std::string_view::npos;
  return command;
}

// `sh -c 'exec k3s server ...'`, also as `bash -l -c` and `sh -ec`.
std::vector<std::string> without_shell(const std::vector<std::string>& words, const Environment& environment) {
  if (words.empty()) return words;
  const std::string program = words[0].substr(words[0].rfind('/') + 1);
  if (program != "sh" && program != "bash" && program != "dash" && program != "ash") return words;
  bool has_script = false;
  std::size_t operand = 1;
  for (; operand < words.size() && words[operand].starts_with('-'); ++operand)
    has_script = has_script || (!words[operand].starts_with("--") && words[operand].find('c') != std::string::npos);
  return has_script && operand < words.size() ? shell_words(words[operand], environment) : words;
}

class Unit {
 public:
  void read(const NodeFile& file) {
    for (const Setting& setting : service_settings(file.text)) {
      if (setting.name == "ExecStart") {
        command_ = setting.value;
        command_file_ = file.path;
      } else if (setting.name == "Environment") {
        set_environment(setting.value, file.path);
      } else if (setting.name == "EnvironmentFile") {
        if (setting.value.empty())
          environment_files_.clear();
        else
          environment_files_.push_back(with_specifiers(setting.value));
      } else if (setting.name == "UnsetEnvironment") {
        for (const std::string& word : unit_words(setting.value)) unset_.push_back(word);
      }
    }
  }

  Start start(const std::vector<NodeFile>& environments) {
    for (const std::string& pattern : environment_files_)
      for (const NodeFile& file : environments)
        if (::fnmatch(pattern.c_str() + (pattern.starts_with('-') ? 1 : 0), file.path.c_str(), FNM_PATHNAME) == 0)
          read_environment_file(file.text, file.path, environment_);
    for (const std::string& word : unset_)
      if (const auto found = environment_.find(word.substr(0, word.find('='))); found != environment_.end())
        environment_.erase(found);
    const Command command = command_of(command_);
    const std::vector<std::string> words =
        command.expands ? with_variables(command.words, environment_) : command.words;
    return {without_shell(words, environment_), command_file_, environment_};
  }

 private:
  void set_environment(const std::string& value, const std::string& file) {
    if (value.empty()) environment_.clear();
    for (const std::string& word : unit_words(value))
      if (const std::size_t equals = word.find('='); equals != std::string::npos)
        environment_[word.substr(0, equals)] = {with_specifiers(word.substr(equals + 1)), file};
  }

  std::string command_;
  std::string command_file_;
  Environment environment_;
  std::vector<std::string> environment_files_;
  std::vector<std::string> unset_;
};

// One assignment after the other; a value ends with its line, unless it is quoted or the end is escaped.
class EnvironmentText {
 public:
  explicit EnvironmentText(std::string_view text) : text_(text) {}

  std::optional<Setting> next() {
    while (!text_.empty()) {
      text_.remove_prefix(std::min(text_.find_first_not_of(kWhitespace), text_.size()));
      if (is_comment(text_)) {
        skip_comment();
        continue;
      }
      const std::size_t end = text_.find_first_of("=\n");
      if (end == std::string_view::npos) return std::nullopt;
      const std::string name(trimmed(text_.substr(0, end)));
      const bool is_setting = text_[end] == '=';
      text_.remove_prefix(end + 1);
      if (is_setting) return Setting{name, value()};
    }
    return std::nullopt;
  }

 private:
  void skip_comment() {
    while (!text_.empty() && text_.front() != '\n')
      text_.remove_prefix(std::min<std::size_t>(text_.size(), text_.front() == '\\' ? 2 : 1));
  }

  // Quotes count at the beginning of a value, and behind others that have just ended.
  std::string value() {
    std::string value;
    std::size_t kept = 0;  // blanks at the end are not, unless quoted
    bool plain = false;
    while (!text_.empty() && text_.front() != '\n' && text_.front() != '\r') {
      const char c = text_.front();
      text_.remove_prefix(1);
      const bool blank = c == ' ' || c == '\t';
      if (!plain && blank) continue;
      if (!plain && (c == '\'' || c == '"')) {
        take_quoted(c, value);
        kept = value.size();
        continue;
      }
      plain = true;
      if (c == '\\' && !text_.empty()) {
        if (text_.front() != '\n') value += text_.front();
        text_.remove_prefix(1);
      } else {
        value += c;
      }
      if (!blank) kept = value.size();
    }
    value.resize(kept);
    return value;
  }

  void take_quoted(char quote, std::string& value) {
    while (!text_.empty() && text_.front() != quote) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (quote == '\'' || c != '\\' || text_.empty()) {
        value += c;
        continue;
      }
      if (std::string_view("\"\\`$\n").find(text_.front()) == std::string_view::npos) value += c;
      if (text_.front() != '\n') value += text_.front();
      text_.remove_prefix(1);
    }
    text_.remove_prefix(std::min<std::size_t>(1, text_.size()));
  }

  std::string_view text_;
};

}  // namespace

Start systemd_start(const std::vector<NodeFile>& units, const std::vector<NodeFile>& environments) {
  Unit unit;
  for (const NodeFile& file : units) unit.read(file);
  return unit.start(environments);
}

void read_environment_file(const std::string& text, const std::string& file, Environment& environment) {
  EnvironmentText reader(text);
  while (const std::optional<Setting> setting = reader.next())
    if (is_variable_name(setting->name)) environment[setting->name] = {setting->value, file};
}

}  // namespace k3s
