// How text for a person is laid out: colour, width, how much of it, and the pieces that every command's text is made
// of. What it does not do: decide what is said (text.hpp, changes.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/counted.hpp"
#include "core/finding.hpp"
#include "core/printable.hpp"

namespace reports {

enum class Colour { no, yes };
enum class Detail { brief, all };
enum class Letters { ascii, unicode };
/// Whether all has to fit the columns: on a terminal. Else a line may be longer, for those who look for it with grep.
enum class Fit { no, yes };

struct Page {
  Colour colour = Colour::no;
  std::size_t columns = 80;
  Detail detail = Detail::brief;
  Letters letters = Letters::unicode;
  Fit fit = Fit::no;

  // A colour alone makes a page of 80 columns.
  Page(Colour with, std::size_t width = 80, Detail how_much = Detail::brief)
      : colour(with), columns(width), detail(how_much) {}
};

/// `text` in an ANSI colour ("31;1"), or as it is.
std::string painted(std::string_view text, std::string_view code, Colour colour);

/// A verdict in its colour, filled up to `width`.
std::string verdict_word(std::string_view verdict, Colour colour, std::size_t width = 0);

using core::counted;

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

/// Rows below a line of names, each column as wide as it has to be. Where a page is too narrow for that, the first of a
/// row stands alone, and below it what the others hold, each with its name.
class Table {
 public:
  /// `right`: the columns whose cells are set to the right.
  Table(std::vector<std::string> names, std::vector<std::size_t> right)
      : names_(std::move(names)), right_(std::move(right)) {}

  /// `note` stands behind the last cell. Cells that are missing are left out.
  void add(std::vector<std::string> cells, std::string note = {}) {
    rows_.push_back({std::move(cells), std::move(note)});
  }

  std::string text(const Page& page) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::string note;
  };
  std::string line(const Row& row, const std::vector<std::size_t>& widths) const;
  std::string stacked(const Page& page) const;

  std::vector<std::string> names_;
  std::vector<std::size_t> right_;
  std::vector<Row> rows_;
};

/// `text` as it fits: each line that is longer than the page breaks between words, and goes on below where its own text
/// begins. A word longer than the page is left whole, and so is what unbroken() made.
std::string fitted(std::string_view text, std::size_t columns);

/// For what is to be copied from a terminal: a command stays on one line, however long. Until shown() has been called
/// the spaces in it are another character.
std::string unbroken(std::string text);

/// The last step of every text on its way out: core::printable_lines() of all but what this page puts in itself, which
/// are colours, when it has any, and the spaces of unbroken().
std::string shown(std::string_view text, Colour colour);

/// `text`, and spaces up to `width` columns.
std::string padded(std::string_view text, std::size_t width);

/// Errors first, then warnings, then notes. Same messages about different keys are one line with their number. On a
/// brief page at most five of each severity, and three notes.
std::string findings_text(const std::vector<core::Finding>& findings, const Page& page);

}  // namespace reports
