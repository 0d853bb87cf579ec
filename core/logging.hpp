// The log and the progress line, both on stderr; stdout belongs to the result.
// Any thread may use them at any time. The door to spdlog. A message is one line, and printable (core/printable.hpp).
// Messages carry names, sizes and hashes, never values of secrets.
#pragma once

#include <string>
#include <string_view>

namespace core {

enum class LogLevel { quiet, normal, verbose };

/// Sets how much is said. Progress is not shown at `quiet`.
void set_log_level(LogLevel level);

void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

/// A warning that `quiet` shows as well: of what goes wrong each time and ends no command.
void log_lasting_warning(std::string_view message);

/// Lines as they are, whatever the level: a question, or help.
void show_lines(std::string_view text);

/// Shows `message` on the terminal's last line until this thread shows another, or clears it; threads share that line.
/// Behind what lasts stand the seconds, which move. Where stderr is no terminal, what lasts is told once a minute, in a
/// line of its own.
void show_progress(std::string_view message);
void clear_progress();

/// While it lives, the progress of this thread begins with `name`; cleared at its end.
class ProgressName {
 public:
  explicit ProgressName(std::string name);
  ProgressName(ProgressName&&) = delete;
  ~ProgressName();
};

}  // namespace core
