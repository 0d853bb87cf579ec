#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/utf8.hpp"
#include "reports/changes.hpp"

namespace reports {
namespace {

using verifier::ChangeKind;

constexpr std::array<ChangeKind, 4> kKinds{ChangeKind::created, ChangeKind::changed, ChangeKind::recreated,
                                           ChangeKind::deleted};
constexpr std::size_t kGroupsShown = 30;
constexpr std::size_t kObjectsShown = 20;
constexpr std::size_t kNamesShown = 5;
constexpr std::size_t kFirstEvents = 5;
constexpr std::size_t kLastEvents = 20;
constexpr std::size_t kWide = 125;  // room for whole uids in a line of `log`

using Counts = std::map<ChangeKind, std::size_t>;

std::size_t sum(const Counts& counts) {
  std::size_t total = 0;
  for (const auto& [kind, count] : counts) total += count;
  return total;
}

// "12 created, 3 changed"
std::string counts_text(const Counts& counts) {
  std::string text;
  for (const ChangeKind kind : kKinds)
    if (const auto found = counts.find(kind); found != counts.end())
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", found->second, verifier::to_string(kind));
  return text;
}

std::string names_text(const std::vector<std::string_view>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i)
    text += (i == 0 ? "" : ", ") + core::printable(names[i]);
  if (names.size() > kNamesShown) text += fmt::format(" and {} more", names.size() - kNamesShown);
  return text;
}

std::string namespaces_text(const std::vector<std::string_view>& names, std::string_view what) {
  if (names.empty()) return {};
  return fmt::format("; {} {}: {}", counted(names.size(), "namespace"), what, names_text(names));
}

// One line of the table: a kind in a namespace.
struct Group {
  std::string space;
  std::string resource;
  Counts counts;
};

// `changes`, and apart from them what is only noise.
struct Sorted {
  std::vector<const verifier::Change*> changes;
  std::map<std::string, Counts> noise;  // by resource
};

Sorted sort_out(const DiffOutcome& outcome) {
  Sorted sorted;
  for (const verifier::Change& change : outcome.difference.changes) {
    const std::string_view resource = change.object().resource;
    if (outcome.noise == DiffOutcome::Noise::counted && verifier::is_noise(resource)) {
      ++sorted.noise[std::string(resource)][change.kind];
    } else {
      sorted.changes.push_back(&change);
    }
  }
  std::stable_sort(sorted.changes.begin(), sorted.changes.end(), [](const auto* a, const auto* b) {
    const verifier::Object& x = a->object();
    const verifier::Object& y = b->object();
    return std::tie(x.namespace_name, x.resource, x.name) < std::tie(y.namespace_name, y.resource, y.name);
  });
  return sorted;
}

std::vector<Group> groups_of(const Sorted& sorted) {
  std::vector<Group> groups;
  for (const verifier::Change* change : sorted.changes) {
    const verifier::Object& object = change->object();
    if (groups.empty() || groups.back().space != object.namespace_name || groups.back().resource != object.resource)
      groups.push_back({std::string(object.namespace_name), std::string(object.resource), {}});
    ++groups.back().counts[change->kind];
  }
  return groups;
}

// The greatest groups, in the order of their names.
std::vector<Group> greatest(std::vector<Group> groups, std::size_t limit) {
  if (groups.size() <= limit) return groups;
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return sum(a.counts) > sum(b.counts); });
  groups.resize(limit);
  std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return std::tie(a.space, a.resource) < std::tie(b.space, b.resource);
  });
  return groups;
}

std::string heading(ChangeKind kind) {
  std::string word(verifier::to_string(kind));
  for (char& c : word) c = static_cast<char>(c - 'a' + 'A');
  return word;
}

std::string table_text(const std::vector<Group>& all, const Page& page) {
  const std::vector<Group> groups = greatest(all, page.detail == Detail::all ? all.size() : kGroupsShown);
  std::size_t space_width = 9;
  std::size_t kind_width = 4;
  for (const Group& group : groups) {
    space_width = std::max(space_width, core::columns_of(core::printable(group.space)));
    kind_width = std::max(kind_width, core::columns_of(core::printable(group.resource)));
  }
  std::string text = fmt::format("  {:<{}}  {:<{}}", "NAMESPACE", space_width, "KIND", kind_width);
  std::vector<ChangeKind> kinds;  // those that there are
  for (const ChangeKind kind : kKinds)
    if (std::any_of(groups.begin(), groups.end(), [&](const Group& group) { return group.counts.count(kind) != 0; }))
      kinds.push_back(kind);
  for (const ChangeKind kind : kinds) text += fmt::format("  {:>9}", heading(kind));
  text += "\n";
  for (const Group& group : groups) {
    text += fmt::format("  {}  {}", padded(group.space.empty() ? "-" : core::printable(group.space), space_width),
                        padded(core::printable(group.resource), kind_width));
    for (const ChangeKind kind : kinds) {
      const auto found = group.counts.find(kind);
      text += fmt::format("  {:>9}", found == group.counts.end() ? "" : std::to_string(found->second));
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n";
  }
  if (groups.size() == all.size()) return text;
  Counts rest;
  for (const Group& group : all)
    for (const auto& [kind, count] : group.counts) rest[kind] += count;
  for (const Group& group : groups)
    for (const auto& [kind, count] : group.counts)
      if ((rest[kind] -= count) == 0) rest.erase(kind);
  return text +
         fmt::format("  ... and {} more lines: {} (-v shows all)\n", all.size() - groups.size(), counts_text(rest));
}

std::string revisions_text(const verifier::Change& change) {
  if (change.before == nullptr) return fmt::format("revision {}", change.after->revision.value);
  if (change.after == nullptr) return fmt::format("was revision {}", change.before->revision.value);
  return fmt::format("revision {} -> {}", change.before->revision.value, change.after->revision.value);
}

std::string objects_text(const Sorted& sorted, ChangeKind kind, const Page& page) {
  std::vector<const verifier::Change*> changes;
  for (const verifier::Change* change : sorted.changes)
    if (change->kind == kind) changes.push_back(change);
  if (changes.empty()) return {};
  const std::size_t shown = page.detail == Detail::all ? changes.size() : std::min(kObjectsShown, changes.size());
  std::vector<std::string> paths;
  std::size_t width = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    const verifier::Object& object = changes[i]->object();
    paths.push_back(core::printable(verifier::object_path(object.resource, object.namespace_name, object.name)));
    width = std::max(width, core::columns_of(paths.back()));
  }
  width = std::min(width, page.columns > 45 ? page.columns - 35 : 10);
  const std::string_view code = kind == ChangeKind::created ? "32" : kind == ChangeKind::deleted ? "31" : "33";
  std::string text = "\n" +
                     painted(fmt::format("{} {}", changes.size(), verifier::to_string(kind)), code, page.colour) +
                     (kind == ChangeKind::recreated ? ": the same name, another uid\n" : "\n");
  for (std::size_t i = 0; i < shown; ++i)
    text += fmt::format("  {}  {}\n", padded(paths[i], width), revisions_text(*changes[i]));
  if (shown < changes.size())
    text += fmt::format("  ... and {} more (-v or --json shows all)\n", changes.size() - shown);
  return text;
}

std::string noise_text(const std::map<std::string, Counts>& noise, const Page& page) {
  if (noise.empty()) return {};
  std::string text;
  for (const auto& [resource, counts] : noise)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", core::printable(resource), counts_text(counts));
  return wrapped("  ", "not counted here: " + text + " (--events lists them)", 2, page.columns);
}

// Without the cluster, where the other side has named it.
std::string_view short_name(const DiffSide& side, const DiffSide& other) {
  const std::string_view name = side.name;
  return side.cluster.empty() || side.cluster != other.cluster ? name : name.substr(side.cluster.size() + 1);
}

std::string event_line(const verifier::LifeEvent& event, const Page& page) {
  const verifier::ObjectRow& row = event.row;
  const bool wide = page.columns >= kWide;
  const std::string_view word = row.kind == verifier::RowKind::created   ? "created"
                                : row.kind == verifier::RowKind::deleted ? "deleted"
                                                                         : "changed";
  const std::string_view code = row.kind == verifier::RowKind::created   ? "32"
                                : row.kind == verifier::RowKind::deleted ? "31"
                                                                         : "33";
  const std::string uid = row.uid.empty() ? "-"
                          : wide          ? core::printable(row.uid)
                                          : std::string(core::first_columns(core::printable(row.uid), 8));
  std::string snapshots = core::printable(event.first_snapshot);
  if (event.snapshots > 1)
    snapshots += wide ? fmt::format(" to {} ({})", core::printable(event.last_snapshot), event.snapshots)
                      : fmt::format(" +{} more", event.snapshots - 1);
  return fmt::format(
      "  {:>9}  {}  {:<20}  {:<{}}  {}\n", row.revision.value, painted(fmt::format("{:<7}", word), code, page.colour),
      row.timestamp ? core::format_rfc3339(std::chrono::floor<std::chrono::seconds>(*row.timestamp)) : "-", uid,
      wide ? 36 : 8, snapshots);
}

std::string unknown_text(const verifier::LifeEvent& event, const Page& page) {
  const std::string what = event.row.prev_revision.value > 0
                               ? fmt::format("revision {}, and what was before it", event.row.prev_revision.value)
                               : std::string("what was before");
  return wrapped("             ",
                 fmt::format("({}: {}, is in no snapshot)", event.compacted ? "compacted" : "missing", what), 13,
                 page.columns);
}

std::string events_text(const verifier::Life& life, const Page& page) {
  const bool wide = page.columns >= kWide;
  std::string text = fmt::format("  {:>9}  {:<7}  {:<20}  {:<{}}  {}\n", "REVISION", "EVENT", "TIMESTAMP INSIDE", "UID",
                                 wide ? 36 : 8, "IN SNAPSHOTS");
  const std::size_t count = life.events.size();
  const bool shorten = page.detail == Detail::brief && count > kFirstEvents + kLastEvents + 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (shorten && i == kFirstEvents) {
      i = count - kLastEvents;
      text += fmt::format("  ... {} rows more (-v or --json shows all)\n", count - kFirstEvents - kLastEvents);
    }
    const verifier::LifeEvent& event = life.events[i];
    if (event.after_unknown) text += unknown_text(event, page);
    text += event_line(event, page);
  }
  return text;
}

std::string stays_text(const verifier::Life& life, const Page& page) {
  std::string text;
  for (const verifier::Stay& stay : life.stays) {
    const std::string range = core::printable(stay.first == stay.last ? stay.first : stay.first + " to " + stay.last);
    text += wrapped("  present    ",
                    fmt::format("{} ({}{}){}", range, counted(stay.count, "snapshot"),
                                stay.last == life.last_snapshot ? ", up to the newest" : "",
                                stay.uid.empty() ? "" : ", uid " + core::printable(stay.uid)),
                    13, page.columns);
    if (!stay.gone) continue;
    const std::string how = stay.deleted_at           ? fmt::format("deleted at revision {}", stay.deleted_at->value)
                            : stay.deletion_compacted ? "the row that deleted it is compacted"
                                                      : "no row says that it was deleted, and none was compacted";
    text += wrapped("  " + painted("VANISHED", "31;1", page.colour) + "   ",
                    fmt::format("first missing in {}, last there in {}; {}", core::printable(*stay.gone),
                                core::printable(stay.last), how),
                    13, page.columns);
  }
  return text;
}

}  // namespace

std::string diff_text(const DiffOutcome& outcome, const Page& page) {
  const Sorted sorted = sort_out(outcome);
  Counts total;
  for (const verifier::Change* change : sorted.changes) ++total[change->kind];
  const verifier::Difference& difference = outcome.difference;
  // One line, however wide, for those who look for it with grep.
  std::string text = fmt::format(
      "{} -> {}: {}{}{}\n", core::printable(outcome.before.name),
      core::printable(short_name(outcome.after, outcome.before)), total.empty() ? "no difference" : counts_text(total),
      namespaces_text(difference.namespaces_gone, "gone"), namespaces_text(difference.namespaces_new, "new"));
  text += fmt::format("  revision {} -> {}, {} -> {}\n", outcome.before.inventory->revision.value,
                      outcome.after.inventory->revision.value, outcome.before.inventory->objects.size(),
                      counted(outcome.after.inventory->objects.size(), "object"));
  if (difference.other_cluster)
    text += wrapped(
        "  ",
        painted("kube-system has another uid: these are two clusters, or one that was made anew", "33", page.colour), 2,
        page.columns);
  for (const DiffSide* side : {&outcome.before, &outcome.after})
    if (side->inventory->undecodable > 0)
      text += wrapped("  ",
                      fmt::format("{} of {} cannot be decoded and are known by key alone: drill verify says which",
                                  counted(side->inventory->undecodable, "object"), core::printable(side->name)),
                      2, page.columns);
  text += noise_text(sorted.noise, page);
  if (sorted.changes.empty()) return text;
  text += "\n" + table_text(groups_of(sorted), page);
  for (const ChangeKind kind : {ChangeKind::deleted, ChangeKind::recreated, ChangeKind::changed, ChangeKind::created})
    text += objects_text(sorted, kind, page);
  return text;
}

std::string log_text(const LogOutcome& outcome, const Page& page) {
  const verifier::Life& life = outcome.life;
  std::string text = fmt::format("{} of {}, over {}\n",
                                 core::printable(verifier::object_path(life.resource, life.namespace_name, life.name)),
                                 core::printable(outcome.cluster), counted(life.snapshots, "snapshot"));
  text += fmt::format("  key        {}\n", core::printable(life.key));
  text += stays_text(life, page);
  const std::string command = unbroken(fmt::format("{}", fmt::join(outcome.get_back, " ")));
  for (std::size_t i = 0; i < outcome.passed_over.size(); ++i) {
    if (page.detail == Detail::brief && i == kNamesShown) {
      text += fmt::format("             ... and {} more (--json names all)\n", outcome.passed_over.size() - i);
      break;
    }
    text += wrapped("  not read   ",
                    core::printable(outcome.passed_over[i].snapshot + ": " + outcome.passed_over[i].reason), 13,
                    page.columns);
  }
  text += "\n" + events_text(life, page);
  if (!command.empty()) text += "\nto get it back as it was there last:\n  " + command + "\n";
  return text;
}

}  // namespace reports
