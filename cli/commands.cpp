#include "cli/commands.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cli {

const std::array<CommandEntry, kCommandCount> kCommands{{
    {"pull", "[CLUSTER...]", "Pull one snapshot of each configured cluster into the store", "drill pull edge",
     declare_pull},
    {"list", "[CLUSTER|SNAPSHOT...]", "List the snapshots in the store and what is proven about them",
     "drill list edge", declare_list},
    {"show", "SNAPSHOT", "Show one snapshot: where it came from, its files, its proof", "drill show edge/latest",
     declare_show},
    {"verify", "[SNAPSHOT...]", "Prove snapshots offline: file, rows, objects, token", "drill verify edge/latest",
     declare_verify},
    {"run", "[CLUSTER|SNAPSHOT...]",
     "Restore into a throwaway control plane, time it, compare every object, tear it down", "drill run edge",
     declare_run},
    {"explore", "SNAPSHOT [-- COMMAND...]",
     "Look into a snapshot: a throwaway control plane, and a shell or command whose kubectl reaches it",
     "drill explore edge/latest -- kubectl get ns", declare_explore, AfterDashes::program},
    {"restore", "SNAPSHOT --to NODE", "Put a snapshot back onto a node, prove it, and roll back when anything fails",
     "drill restore edge/latest --to edge", declare_restore},
    {"extract", "SNAPSHOT --out FILE", "Write the plain state.db of a snapshot to a new file",
     "drill extract edge/latest --out state.db", declare_extract},
    {"diff", "SNAPSHOT SNAPSHOT", "Say what was created, changed and deleted between two snapshots",
     "drill diff edge/proven edge/latest", declare_diff},
    {"log", "OBJECT", "Follow one object through all snapshots, say where it vanished and how to get it back",
     "drill log secrets/shop/db", declare_log},
    {"import", "--cluster NAME PATH...", "Adopt plain state.db.YYYYmmddTHHMMSSZ files as snapshots",
     "drill import --cluster edge state.db.20261123T231700Z", declare_import},
    {"prune", "[CLUSTER...]", "Remove what no keep_ rule keeps, and explain each snapshot",
     "drill prune edge --dry-run", declare_prune},
    {"series", "CLUSTER", "Show which clusters the snapshots of one are of, and say which of them counts",
     "drill series edge", declare_series},
    {"report", "history [CLUSTER...]", "Tell what the drills so far say together", "drill report history edge",
     declare_report},
    {"scenario", "list|show NAME|run [NAME...]", "Replay disasters, each a file, and see that each ends as it should",
     "drill scenario run newest-corrupt", declare_scenario},
    {"doctor", "", "Check host, config, store, ssh, node and engine; each failing line says the cure", "drill doctor",
     declare_doctor},
}};

namespace {

constexpr std::size_t kWidestLead = 24;
constexpr std::size_t kCommandLead = 11;

constexpr std::string_view kNames =
    "A SNAPSHOT is CLUSTER/20261123T231700Z, CLUSTER/latest or CLUSTER/proven; CLUSTER alone is its latest, and "
    "CLUSTER/ may be left out when there is one.";
constexpr std::string_view kExitCodes =
    "Exit codes: 0 pass, 1 fail (the backup is bad, or an objective was missed), 2 usage or config, 3 inconclusive or "
    "could not run, 130 cancelled.";

std::string paragraph(std::string_view text, const reports::Page& page) {
  return "\n" + reports::wrapped("", text, 0, page.columns);
}

// "  --to NODE     The server: ...", the text on a line of its own where the lead is too wide.
std::string row(const std::string& lead, std::string_view text, const reports::Page& page,
                std::size_t widest = kWidestLead) {
  const std::size_t indent = std::min(widest, page.columns / 3);
  std::string start = "  " + lead;
  if (start.size() + 2 > indent)
    return start + "\n" + reports::wrapped(std::string(indent, ' '), text, indent, page.columns);
  start.resize(indent, ' ');
  return reports::wrapped(start, text, indent, page.columns);
}

std::string option_lead(const CLI::Option& option) {
  std::string lead;
  for (const std::string& name : option.get_snames()) lead += (lead.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames()) lead += (lead.empty() ? "--" : ", --") + name;
  if (option.get_items_expected_max() > 0) lead += " " + option.get_type_name();
  return lead;
}

std::string options_text(const CLI::App& app, const reports::Page& page) {
  std::string text;
  for (const CLI::Option* option : app.get_options())
    if (!option->get_positional() && !option->get_group().empty())
      text += row(option_lead(*option), option->get_description(), page);
  return text;
}

std::string arguments_text(const CLI::App& app, const reports::Page& page) {
  std::string text;
  for (const CLI::Option* option : app.get_options())
    if (option->get_positional()) text += row(option->get_name(), option->get_description(), page);
  return text;
}

std::string commands_text(const reports::Page& page) {
  std::string text;
  for (const CommandEntry& entry : kCommands) text += row(entry.name, entry.help, page, kCommandLead);
  return text + row("help", "Show this, or what one command takes: drill help run", page, kCommandLead);
}

const CLI::App& top(const CLI::App& app) { return app.get_parent() == nullptr ? app : top(*app.get_parent()); }

}  // namespace

const CommandEntry* entry_of(const CLI::App& app) {
  const CLI::App* command = &app;
  while (command->get_parent() != nullptr && command->get_parent()->get_parent() != nullptr)
    command = command->get_parent();
  const auto* const found = std::find_if(kCommands.begin(), kCommands.end(),
                                         [&](const CommandEntry& entry) { return command->get_name() == entry.name; });
  return found == kCommands.end() ? nullptr : found;
}

std::string typed_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : typed_name(*app.get_parent()) + " " + app.get_name();
}

std::string short_help(const CLI::App& app, const reports::Page& page) {
  return reports::wrapped("", app.get_description() + ".", 0, page.columns) +
         "\nUsage: drill [OPTIONS] COMMAND ...\n\n" + commands_text(page);
}

std::string help_text(const CLI::App& app, const reports::Page& page) {
  const CommandEntry* entry = entry_of(app);
  const std::string common = "\nOptions of every command\n" + options_text(top(app), page);
  if (entry == nullptr) return short_help(app, page) + common + paragraph(kNames, page) + paragraph(kExitCodes, page);
  std::string text = reports::wrapped("", app.get_description() + ".", 0, page.columns) +
                     fmt::format("\nUsage: drill {} {}", entry->name, entry->arguments);
  text += std::string(text.ends_with(' ') ? "" : " ") + "[OPTIONS]\n\n";
  for (const CLI::App* part : app.get_subcommands([](const CLI::App*) { return true; }))
    text += row(part->get_name(), part->get_description(), page);
  text += arguments_text(app, page) + options_text(app, page) + common +
          paragraph(std::string("Example: ") + entry->example, page);
  if (!app.get_footer().empty()) text += paragraph(app.get_footer(), page);
  return text + paragraph(kNames, page) + paragraph(kExitCodes, page);
}

}  // namespace cli
