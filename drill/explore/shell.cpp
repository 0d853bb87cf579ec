#include "drill/explore/shell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "core/file.hpp"
#include "core/shell_quote.hpp"

namespace drill {
namespace {

std::string name_of(const std::string& shell) { return std::filesystem::path(shell).filename(); }

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : std::string();
}

// Shells expand what is in a prompt, so it has nothing that they could.
std::string prompt(const Environment& environment) {
  std::string name = environment.at("DRILL_SNAPSHOT");
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '/'; };
  std::replace_if(
      name.begin(), name.end(), [&](unsigned char c) { return !is_plain(c); }, '_');
  return "(copy of " + name + ") ";
}

// `first`, where there is such a file, and then `environment`. Double quotes, as ENV is expanded by those who read it.
std::string start_file(const std::string& first, const Environment& environment) {
  std::string text = fmt::format("[ -f \"{0}\" ] && . \"{0}\"\n", first);
  for (const auto& [name, value] : environment)
    if (name != "PATH") text += fmt::format("export {}={}\n", name, core::shell_quoted(value));
  return text;
}

// Many a prompt is made anew each time before it is shown; the mark goes in front of it after that.
// Source: bash(1), PROMPT_COMMAND, an array since 5.1; zshmisc(1), precmd_functions.
std::string bash_prompt(const std::string& mark) {
  return fmt::format(
      "drill_mark() {{ case ${{PS1-}} in *{0}*) ;; *) PS1={0}${{PS1-}} ;; esac; }}\n"
      "if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)); then PROMPT_COMMAND+=(drill_mark)\n"
      "else PROMPT_COMMAND=${{PROMPT_COMMAND:+$PROMPT_COMMAND$'\\n'}}drill_mark; fi\n",
      core::shell_quoted(mark));
}

std::string zsh_prompt(const std::string& mark) {
  return fmt::format(
      "drill_mark() {{ [[ ${{PS1-}} == *{0}* ]] || PS1={0}${{PS1-}} }}\n"
      "precmd_functions+=(drill_mark)\n",
      core::shell_quoted(mark));
}

// Before the user's own prompt is asked, $status is what it was: that may show it.
std::string fish_commands(const Environment& environment) {
  const auto quoted = [](const std::string& text) {
    std::string word = "'";
    for (const char c : text) word += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return word + "'";
  };
  std::string text;
  for (const auto& [name, value] : environment)
    if (name != "PATH") text += fmt::format("set -gx {} {}\n", name, quoted(value));
  return text + fmt::format(
                    "functions -c fish_prompt drill_own_prompt\n"
                    "function drill_status; return $argv[1]; end\n"
                    "function fish_prompt\n"
                    "  set -l last $status\n  echo -n {}\n  drill_status $last\n  drill_own_prompt\nend\n",
                    quoted(prompt(environment)));
}

}  // namespace

bool is_known_shell(const std::string& shell) {
  const std::string name = name_of(shell);
  return name == "bash" || name == "zsh" || name == "fish" || name == "sh" || name == "dash" || name == "ash";
}

// Source: bash(1), zsh(1), dash(1), fish(1), on what is read when.
void prepare_shell(std::vector<std::string>& argv, Environment& environment, const std::filesystem::path& scratch) {
  const std::string name = name_of(argv.front());
  const Environment ours = environment;
  const std::string mark = prompt(ours);
  if (name == "bash") {
    core::write_new_file(scratch / "bashrc", start_file("$HOME/.bashrc", ours) + bash_prompt(mark));
    argv.insert(argv.end(), {"--rcfile", scratch / "bashrc"});
  } else if (name == "zsh") {
    core::write_new_file(scratch / ".zshenv",
                         fmt::format("ZDOTDIR={}\n: ${{ZDOTDIR:=$HOME}}\n{}drill_zdotdir=$ZDOTDIR\nZDOTDIR={}\n",
                                     core::shell_quoted(from_environment("ZDOTDIR")),
                                     start_file("$ZDOTDIR/.zshenv", ours), core::shell_quoted(scratch)));
    core::write_new_file(scratch / ".zshrc", "ZDOTDIR=$drill_zdotdir\nunset drill_zdotdir\n" +
                                                 start_file("$ZDOTDIR/.zshrc", ours) + zsh_prompt(mark));
    environment["ZDOTDIR"] = scratch;
  } else if (name == "fish") {
    argv.insert(argv.end(), {"--init-command", fish_commands(ours)});
  } else if (is_known_shell(name)) {
    core::write_new_file(scratch / "shrc", start_file(from_environment("ENV"), ours) +
                                               fmt::format("PS1={}${{PS1-}}\n", core::shell_quoted(mark)));
    environment["ENV"] = scratch / "shrc";
  }
}

}  // namespace drill
