#include "reports/page.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reports {
namespace {

constexpr std::size_t kIndent = 6;
constexpr std::size_t kFindingsShown = 5;
constexpr std::size_t kNotesShown = 3;
constexpr std::size_t kMostColumns = 4;
constexpr std::size_t kCountWidth = 12;  // indent, number and space before a name

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
  if (finding.key) text += " [" + harmless(*finding.key) + "]";
  if (finding.revision) text += fmt::format(" at revision {}", finding.revision->value);
  return text;
}

std::string group_text(const Group& group, const Page& page) {
  const core::Finding& finding = *group.first;
  const std::string place = where(finding);
  std::string text = harmless(finding.message);
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
      columns.widths.back() = std::max(columns.widths.back(), entries[at].name.size());
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
  std::string word(verdict == "could_not_run" ? "could not run" : verdict);
  if (word.size() < width) word.resize(width, ' ');
  const std::string_view code = verdict == "pass" ? "32" : verdict == "fail" ? "31;1" : "33";
  return painted(word, code, colour);
}

std::string harmless(std::string_view text) {
  std::string clean;
  for (const char c : text) clean += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return clean;
}

std::string counted(std::uint64_t count, std::string_view singular, std::string_view plural) {
  if (count == 1) return fmt::format("1 {}", singular);
  return plural.empty() ? fmt::format("{} {}s", count, singular) : fmt::format("{} {}", count, plural);
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
    if (!fresh && used + 1 + word.size() > columns) {
      result += "\n" + std::string(indent, ' ');
      used = indent;
      fresh = true;
    }
    if (!fresh) result += ' ';
    result += word;
    used += word.size() + (fresh ? 0 : 1);
    fresh = false;
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  }
  return result + "\n";
}

std::string count_columns(std::vector<Counted> entries, std::size_t lines, std::string_view noun, const Page& page) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  const Columns columns = fit_columns(entries, page.detail == Detail::all ? entries.size() : lines, page);
  std::string text;
  for (std::size_t line = 0; line < columns.down; ++line) {
    for (std::size_t at = line, column = 0; at < columns.shown; at += columns.down, ++column)
      text += fmt::format("    {:>7} {:<{}}", entries[at].count, harmless(entries[at].name), columns.widths[column]);
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
    text += right ? fmt::format("{:>{}}", row.cells[i], widths[i]) : fmt::format("{:<{}}", row.cells[i], widths[i]);
  }
  if (!row.note.empty()) text += "  " + row.note;
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string Table::text(const Page& page) const {
  std::vector<std::size_t> widths;
  for (const std::string& name : names_) widths.push_back(name.size());
  for (const Row& row : rows_)
    for (std::size_t i = 0; i < row.cells.size(); ++i) widths[i] = std::max(widths[i], row.cells[i].size());
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

// In place of a space that no line may break at. Text of others is harmless() and has none.
constexpr char kHardSpace = '\x1f';

bool goes_on(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// How many columns `text` takes on a terminal, without its colours.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      while (i < text.size() && text[i] != 'm') ++i;
    } else if (!goes_on(text[i])) {
      ++width;
    }
  }
  return width;
}

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
  std::replace(text.begin(), text.end(), ' ', kHardSpace);
  return text;
}

std::string shown(std::string text) {
  std::replace(text.begin(), text.end(), kHardSpace, ' ');
  return text;
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
