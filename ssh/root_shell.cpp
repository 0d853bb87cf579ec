#include "ssh/root_shell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "core/shell_quote.hpp"

namespace ssh {

using core::Error;
using core::ErrorKind;

std::string root_shell_command() {
  return "sh -c 'if [ \"$(id -u)\" = 0 ]; then exec sh; fi; "
         "command -v sudo >/dev/null 2>&1 || { echo \"sudo: not installed\" >&2; exit 1; }; exec env LC_ALL=C sudo -n "
         "sh'";
}

// What sudo said; empty when it did not speak. Start files may have said something else on stderr.
std::string words_of_sudo(std::string_view error_output) {
  std::string said;
  std::istringstream lines{std::string(error_output)};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("sudo: ") || line.find("sudoers") != std::string::npos) said = last_line(line);
  return said;
}

// visudo takes the new line only when all of the file is sound, and the last line of it is the one that counts.
std::string sudoers_cure(const std::string& line) {
  return fmt::format("type on the node: echo {} | sudo EDITOR='tee -a' visudo", core::shell_quoted(line));
}

std::string root_shell_line(const std::string& user) { return user + " ALL=(root) NOPASSWD: /bin/sh"; }

Error no_root_shell(const std::string& user, const std::string& host, std::string_view error_output,
                    std::optional<int> exit_status) {
  const std::string said = words_of_sudo(error_output);
  if (said == "sudo: not installed")
    return Error(ErrorKind::denied, fmt::format("{}: no sudo on the node; install it there, or set user: root", host));
  if (said.find("must have a tty") != std::string::npos)
    return Error(ErrorKind::denied, fmt::format("{}: sudo on the node wants a terminal ({}); {}", host, said,
                                                sudoers_cure("Defaults:" + user + " !requiretty")));
  if (!said.empty())
    return Error(ErrorKind::denied, fmt::format("{}: {} may not get a root shell by sudo without a password ({}); {}",
                                                host, user, said, sudoers_cure(root_shell_line(user))));
  const std::string last = last_line(error_output);
  return Error(ErrorKind::denied,
               fmt::format("{}: no shell for {} on the node ({}{}); give the user one that runs commands", host, user,
                           last.empty() ? "it said nothing" : last,
                           exit_status ? fmt::format(", exit status {}", *exit_status) : ""));
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  const std::size_t newline = text.rfind('\n');
  std::string line(text.substr(newline == std::string_view::npos ? 0 : newline + 1).substr(0, 300));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return line;
}

}  // namespace ssh
