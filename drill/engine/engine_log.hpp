// The control plane's log as it comes: lines with the time they were read, and the marks that bound the phases. Of
// very many lines the first are kept, and the last.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/secret.hpp"

namespace drill {

class EngineLog {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Reads from `fd`, which stays the caller's. `secret` never appears in a line that is handed out.
  EngineLog(int fd, core::Secret secret);

  /// Waits up to `patience` for output and takes in what there is. False once the other end is closed.
  /// Throws: cancelled.
  bool read_some(std::chrono::milliseconds patience);

  /// Takes in what is there now, up to 4 MiB, for a reader that will not come back. Throws: cancelled.
  void drain();

  struct Mark {
    TimePoint at;      // when the line was read
    std::string said;  // its message, at most 300 characters
  };

  /// The first line holding `text`.
  std::optional<Mark> first(std::string_view text) const;

  /// How many lines hold all of `texts`.
  std::size_t count(std::initializer_list<std::string_view> texts) const;

  /// What it said when it died: the message of the last fatal line, else its last line; at most 300 characters.
  std::string last_words() const;

 private:
  struct Line {
    std::string text;
    TimePoint at;
  };
  std::string presentable(const std::string& line) const;

  int fd_;
  core::Secret secret_;
  std::string partial_;
  std::vector<Line> lines_;
};

}  // namespace drill
