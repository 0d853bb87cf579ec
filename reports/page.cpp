#include "reports/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/utf8.hpp"

namespace reports {
namespace {

constexpr std::size_t kIndent = 6;
constexpr std::size_t kFindingsShown = 5;
constexpr std::size_t kNotesShown = 3;
constexpr std::size_t kMostColumns = 4;
constexpr std::size_t kCountWidth = 12;  // indent, number and space before a name

// In place of a space that no line may break at. One in a text of others is an escape by then.
constexpr char kHardSpace = '\x1f';
constexpr std::array<std::string_view, 5> kCodes{"0", "31", "31;1", "32", "33"};

// The mark that painted() has put at the start of `text`; empty where there is none.
std::string_view colour_mark(std::string_view text) {
  if (!text.starts_with("\033[")) return {};
  const std::size_t end = std::min(text.find('m'), text.size() - 1);
  const std::string_view code = text.substr(2, end - 2);
  return std::find(kCodes.begin(), kCodes.end(), code) == kCodes.end() ? std::string_view() : text.substr(0, end + 1);
}

// How many columns `text` takes on a terminal, without its colours.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const std::size_t at = std::min(text.find('\033'), text.size());
    width += core::columns_of(text.substr(0, at));
    text.remove_prefix(at);
    text.remove_prefix(text.empty() ? 0 : std::max<std::size_t>(1, colour_mark(text).size()));
  }
  return width;
}

// Same words about different keys.
struct Group {
  const core::Finding* first;
  std::size_t count = 0;
};

std::vector<Group> grouped(const std::vector<core::Finding>& findings, core::Severity severity) {
  std::vector<Group> groups;
  for (const core::Finding& finding : findings) {
    if (finding.severity != severity) continue;
    const auto same = std::find_if(groups.begin(), groups.end(),
                                   [&](const Group& group) { return group.first->message == finding.message; });
    if (same == groups.end()) {
      groups.push_back({&finding, 1});
    } else {
      ++same->count;
    }
  }
  return groups;
}

std::string where(const core::Finding& finding) {
  std::string text;
  if (finding.key) text += " [" + core::printable(*finding.key) + "]";
  if (finding.revision) text += fmt::format(" at revision {}", finding.revision->value);
  return text;
}

std::string group_text(const Group& group, const Page& page) {
  const core::Finding& finding = *group.first;
  const std::string place = where(finding);
  std::string text = core::printable(finding.message);
  if (group.count > 1) text = fmt::format("{} times: {}{}", group.count, text, place.empty() ? "" : ", for example");
  text += place;
  const std::string severity = finding.severity == core::Severity::error
                                   ? std::string()
                                   : fmt::format("{}: ", core::to_string(finding.severity));
  return wrapped(std::string(kIndent, ' '), severity + text, kIndent, page.columns);
}

struct Columns {
  std::size_t shown = 0;
  std::size_t down = 0;             // lines
  std::vector<std::size_t> widths;  // of the names of each column
};

// As many columns as fit side by side, of at most `lines` lines.
Columns fit_columns(const std::vector<Counted>& entries, std::size_t lines, const Page& page) {
  for (std::size_t across = kMostColumns; true; --across) {
    Columns columns;
    columns.shown = std::min(entries.size(), lines * across);
    columns.down = std::max<std::size_t>(1, (columns.shown + across - 1) / across);
    std::size_t total = 0;
    for (std::size_t at = 0; at < columns.shown; ++at) {
      if (at % columns.down == 0) columns.widths.push_back(0);
      columns.widths.back() = std::max(columns.widths.back(), core::columns_of(entries[at].name));
    }
    for (const std::size_t width : columns.widths) total += kCountWidth + width;
    if (columns.shown == 0) columns.down = 0;
    if (across == 1 || total <= page.columns) return columns;
  }
}

// What is to be typed is copied from here: it stays on one line (docs/messages.md).
std::string with_command_unbroken(std::string_view text) {
  constexpr std::string_view kType = "; type";
  const std::size_t at = text.find(kType);
  if (at == std::string_view::npos) return std::string(text);
  for (const std::string_view where : {": ", " on the node: "})
    if (const std::size_t command = at + kType.size() + where.size(); text.substr(at + kType.size()).starts_with(where))
      return std::string(text.substr(0, command)) + unbroken(std::string(text.substr(command)));
  return std::string(text);
}

}  // namespace

std::string painted(std::string_view text, std::string_view code, Colour colour) {
  return colour == Colour::yes ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

std::string verdict_word(std::string_view verdict, Colour colour, std::size_t width) {
  const std::string word = padded(verdict == "could_not_run" ? "could not run" : core::printable(verdict), width);
  const std::string_view code = verdict == "pass" ? "32" : verdict == "fail" ? "31;1" : "33";
  return painted(word, code, colour);
}

std::string wrapped(std::string_view lead, std::string_view words, std::size_t indent, std::size_t columns) {
  const std::string kept = with_command_unbroken(words);
  std::string_view text = kept;
  std::string result(lead);
  std::size_t used = indent;
  bool fresh = true;  // nothing on this line yet
  while (!text.empty()) {
    const std::size_t at = text.find(' ');
    const std::string_view word = text.substr(0, at);
    const std::size_t width = width_of(word);
    if (!fresh && used + 1 + width > columns) {
      result += "\n" + std::string(indent, ' ');
      used = indent;
      fresh = true;
    }
    if (!fresh) result += ' ';
    result += word;
    used += width + (fresh ? 0 : 1);
    fresh = false;
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  }
  return result + "\n";
}

std::string count_columns(std::vector<Counted> entries, std::size_t lines, std::string_view noun, const Page& page) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  for (Counted& entry : entries) entry.name = core::printable(entry.name);
  const Columns columns = fit_columns(entries, page.detail == Detail::all ? entries.size() : lines, page);
  std::string text;
  for (std::size_t line = 0; line < columns.down; ++line) {
    for (std::size_t at = line, column = 0; at < columns.shown; at += columns.down, ++column)
      text += fmt::format("    {:>7} {}", entries[at].count, padded(entries[at].name, columns.widths[column]));
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n";
  }
  std::uint64_t rest = 0;
  for (std::size_t i = columns.shown; i < entries.size(); ++i) rest += entries[i].count;
  if (columns.shown < entries.size())
    text += fmt::format("    {:>7} in {} more {} (-v shows all)\n", rest, entries.size() - columns.shown, noun);
  return text;
}

std::string Table::line(const Row& row, const std::vector<std::size_t>& widths) const {
  std::string text;
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    const bool right = std::find(right_.begin(), right_.end(), i) != right_.end();
    text += i == 0 ? "" : "  ";
    const std::string pad(widths[i] - std::min(widths[i], core::columns_of(row.cells[i])), ' ');
    text += right ? pad + row.cells[i] : row.cells[i] + pad;
  }
  if (!row.note.empty()) text += "  " + row.note;
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string Table::text(const Page& page) const {
  std::vector<std::size_t> widths;
  for (const std::string& name : names_) widths.push_back(core::columns_of(name));
  for (const Row& row : rows_)
    for (std::size_t i = 0; i < row.cells.size(); ++i) widths[i] = std::max(widths[i], core::columns_of(row.cells[i]));
  std::size_t total = 2 * (widths.size() - 1);
  for (const std::size_t width : widths) total += width;
  if (page.fit == Fit::yes && total > page.columns) return stacked(page);
  std::string text = line({names_, {}}, widths);
  for (const Row& row : rows_) text += line(row, widths);
  return text;
}

std::string Table::stacked(const Page& page) const {
  std::string text;
  for (const Row& row : rows_) {
    text += row.cells.front() + "\n";
    std::string rest;
    for (std::size_t i = 1; i < row.cells.size(); ++i)
      if (!row.cells[i].empty()) rest += fmt::format("{}{} {}", rest.empty() ? "" : ", ", names_[i], row.cells[i]);
    if (!row.note.empty()) rest += (rest.empty() ? "" : ", ") + row.note;
    text += wrapped("  ", rest, 2, page.columns);
  }
  return text;
}

namespace {

// Where the text of a line begins: behind its name, when it has one ("  rows         12936: ..."), else a bit in.
std::size_t hanging_indent(std::string_view line, std::size_t columns) {
  const std::size_t start = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t gap = line.find("  ", start);
  if (gap != std::string_view::npos) {
    const std::size_t behind = line.find_first_not_of(' ', gap);
    if (behind != std::string_view::npos) {
      const std::size_t indent = width_of(line.substr(0, behind));
      if (indent <= columns / 2) return indent;
    }
  }
  return start + 2;
}

std::string broken(std::string_view line, std::size_t columns) {
  const std::size_t indent = hanging_indent(line, columns);
  std::string result;
  std::size_t used = 0;
  bool fresh = true;  // no word on this line yet
  while (!line.empty()) {
    const std::size_t spaces = std::min(line.find_first_not_of(' '), line.size());
    const std::string_view word = line.substr(spaces, line.substr(spaces).find(' '));
    const std::size_t width = width_of(word);
    if (!fresh && used + spaces + width > columns) {
      result += "\n" + std::string(indent, ' ');
      used = indent;
    } else {
      result += std::string(spaces, ' ');
      used += spaces;
    }
    result += word;
    used += width;
    fresh = false;
    line.remove_prefix(spaces + word.size());
  }
  return result;
}

}  // namespace

std::string fitted(std::string_view text, std::size_t columns) {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    result += width_of(text.substr(0, end)) <= columns ? std::string(text.substr(0, end))
                                                       : broken(text.substr(0, end), columns);
    result += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::string unbroken(std::string text) {
  text = core::printable(text);
  std::replace(text.begin(), text.end(), ' ', kHardSpace);
  return text;
}

std::string shown(std::string_view text, Colour colour) {
  std::string result;
  while (!text.empty()) {
    const std::string_view mark = colour == Colour::yes ? colour_mark(text) : std::string_view();
    if (!mark.empty() || text.front() == kHardSpace) {
      result += mark.empty() ? " " : mark;
      text.remove_prefix(std::max<std::size_t>(1, mark.size()));
      continue;
    }
    const std::size_t end = std::min(text.find_first_of("\033\x1f", 1), text.size());
    result += core::printable_lines(text.substr(0, end));
    text.remove_prefix(end);
  }
  return result;
}

std::string padded(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(width - std::min(width, core::columns_of(text)), ' ');
}

std::string findings_text(const std::vector<core::Finding>& findings, const Page& page) {
  std::string text;
  for (const core::Severity severity : {core::Severity::error, core::Severity::warning, core::Severity::note}) {
    const std::vector<Group> groups = grouped(findings, severity);
    const std::size_t limit = severity == core::Severity::note ? kNotesShown : kFindingsShown;
    const std::size_t shown = page.detail == Detail::all ? groups.size() : std::min(limit, groups.size());
    for (std::size_t i = 0; i < shown; ++i) text += group_text(groups[i], page);
    std::size_t rest = 0;
    for (std::size_t i = shown; i < groups.size(); ++i) rest += groups[i].count;
    if (rest > 0)
      text += fmt::format("{:{}}... and {} (-v or --json shows all)\n", "", kIndent,
                          counted(rest, "more " + std::string(core::to_string(severity))));
  }
  return text;
}

}  // namespace reports
