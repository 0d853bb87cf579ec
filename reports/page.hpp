// How text for a person is laid out: colour, width, how much of it, and the pieces that every command's text is made
// of. What it does not do: decide what is said (text.hpp, changes.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/finding.hpp"

namespace reports {

enum class Colour { no, yes };
enum class Detail { brief, all };

struct Page {
  Colour colour = Colour::no;
  std::size_t columns = 80;
  Detail detail = Detail::brief;

  // A colour alone makes a page of 80 columns.
  Page(Colour with, std::size_t width = 80, Detail how_much = Detail::brief)
      : colour(with), columns(width), detail(how_much) {}
};

/// `text` in an ANSI colour ("31;1"), or as it is.
std::string painted(std::string_view text, std::string_view code, Colour colour);

/// A verdict in its colour, filled up to `width`.
std::string verdict_word(std::string_view verdict, Colour colour, std::size_t width = 0);

/// Without control characters: text out of a database must not steer a terminal.
std::string harmless(std::string_view text);

/// "1 snapshot", "2 snapshots"; `plural` where it is not made with an s.
std::string counted(std::uint64_t count, std::string_view singular, std::string_view plural = {});

/// `text` broken at spaces to lines of at most `columns`, each behind `indent` spaces and ended by a new line; the
/// first one begins with `lead`, which is as wide as `indent`. A word longer than a line is left whole.
std::string wrapped(std::string_view lead, std::string_view text, std::size_t indent, std::size_t columns);

struct Counted {
  std::string name;
  std::uint64_t count = 0;
};

/// "  4325 events" in as many columns as fit, read downwards, the greatest first; what is behind `limit` is summed up
/// in a last line, whose things are called `noun`.
std::string count_columns(std::vector<Counted> entries, std::size_t limit, std::string_view noun, const Page& page);

/// Errors first, then warnings, then notes. Same messages about different keys are one line with their number. On a
/// brief page at most five of each severity, and three notes.
std::string findings_text(const std::vector<core::Finding>& findings, const Page& page);

}  // namespace reports
