#include "reports/text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/utf8.hpp"
#include "core/verdict.hpp"
#include "drill/verdict.hpp"
#include "verifier/verdict.hpp"

namespace reports {
namespace {

std::string proof_word(const std::optional<store::Proof>& proof, std::string_view never) {
  return proof ? core::printable(proof->verdict) : std::string(never);
}

// "identity, health, datastore, writes, alive"; what failed is told with its phase.
std::string proof_lines(const drill::DrillReport& report, const Page& page) {
  std::string passed;
  std::string text;
  for (const core::Check& check : report.proof) {
    if (check.verdict == core::CheckVerdict::pass) {
      passed += (passed.empty() ? "" : ", ") + core::printable(check.name);
    } else {
      text += fmt::format("  proof        {} {}\n", core::printable(check.name),
                          verdict_word(core::to_string(check.verdict), page.colour));
    }
  }
  if (!passed.empty()) text = fmt::format("  proof        {} hold\n", passed) + text;
  if (report.datastore_keys > 0)
    text += fmt::format("  datastore    {} of {} {} came back byte by byte\n", report.datastore_matched,
                        report.datastore_keys,
                        report.depth == drill::Depth::deep ? "values" : "values that the API does not list");
  return text;
}

std::string drift_lines(const drill::DrillReport& report) {
  if (!report.drift) return {};
  std::string text =
      fmt::format("  controllers  what they changed in {}:{}\n", core::format_duration(report.drift->settled),
                  report.drift->by_resource.empty() ? " nothing" : "");
  for (const auto& [resource, counts] : report.drift->by_resource)
    text += fmt::format("      {} {} created, {} changed, {} deleted\n", padded(core::printable(resource), 40),
                        counts.created, counts.changed, counts.deleted);
  return text;
}

// How often each check warned: what k3s starts on and serves, and somebody should look at.
std::string warned_text(const drill::DrillReport& report, const Page& page) {
  std::string counts;
  for (const core::Check& check : report.verification->checks) {
    const auto warnings = std::count_if(check.findings.begin(), check.findings.end(), [](const core::Finding& one) {
      return one.severity == core::Severity::warning;
    });
    if (warnings == 0 || check.verdict != core::CheckVerdict::pass) continue;
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", core::printable(check.name), warnings);
  }
  if (counts.empty()) return {};
  return wrapped("  warned       ", counts + ": drill verify says of what", 15, page.columns);
}

// What could not run, with its reason; then what there was nothing to look at for, one line for each reason.
std::string checks_text(const verifier::Verification& verification, const Page& page) {
  std::string text;
  std::vector<std::pair<std::string, std::string>> left_out;  // reason and names
  for (const core::Check& check : verification.checks) {
    if (check.verdict == core::CheckVerdict::could_not_run)
      text += fmt::format("  check {} {}\n", core::printable(check.name),
                          verdict_word(core::to_string(check.verdict), page.colour)) +
              findings_text(check.findings, page);
    if (check.verdict != core::CheckVerdict::skipped || check.findings.empty()) continue;
    constexpr std::string_view kLead = "skipped: ";
    std::string reason = check.findings.front().message;
    if (reason.starts_with(kLead)) reason.erase(0, kLead.size());
    const auto same =
        std::find_if(left_out.begin(), left_out.end(), [&](const auto& entry) { return entry.first == reason; });
    if (same == left_out.end()) {
      left_out.emplace_back(reason, core::printable(check.name));
    } else {
      same->second += ", " + core::printable(check.name);
    }
  }
  for (const auto& [reason, names] : left_out)
    text += wrapped("  not checked  ", fmt::format("{}: {}", names, core::printable(reason)), 15, page.columns);
  return text;
}

const drill::Phase* find_phase(const drill::DrillReport& report, std::string_view name) {
  const auto found = std::find_if(report.phases.begin(), report.phases.end(),
                                  [&](const drill::Phase& phase) { return phase.name == name; });
  return found == report.phases.end() ? nullptr : &*found;
}

bool was_reached(const drill::DrillReport& report, std::string_view name) {
  const drill::Phase* const phase = find_phase(report, name);
  return phase != nullptr && phase->verdict != core::CheckVerdict::skipped;
}

// What was not reached is one line: the phase before it says why.
std::string phases_text(const drill::DrillReport& report, const Page& page) {
  std::string text;
  std::string not_reached;
  for (const drill::Phase& phase : report.phases) {
    if (phase.verdict == core::CheckVerdict::skipped && phase.findings.empty()) {
      not_reached += (not_reached.empty() ? "" : ", ") + core::printable(phase.name);
      continue;
    }
    text += fmt::format("  {:<12} {}  {:>9}\n", core::printable(phase.name),
                        verdict_word(core::to_string(phase.verdict), page.colour, 13),
                        phase.verdict == core::CheckVerdict::skipped ? "-" : core::format_duration(phase.duration));
    text += findings_text(phase.findings, page);
  }
  if (!not_reached.empty()) text += wrapped("  not reached  ", not_reached, 15, page.columns);
  return text;
}

// "2 h 13 min since the capture of edge/20261123T231700Z (objective 2 h 0 min, missed)"
std::string measured_text(const std::optional<std::chrono::nanoseconds>& measured, const std::string& since,
                          const std::optional<std::chrono::nanoseconds>& objective) {
  const std::string value = measured ? core::format_duration(*measured) + since : "not measured";
  if (!objective) return value;
  const bool missed = measured && *measured > *objective;
  return fmt::format("{} (objective {}{})", value, core::format_duration(*objective), missed ? ", missed" : "");
}

}  // namespace

std::string format_size(std::uint64_t size_bytes) {
  const auto size = static_cast<double>(size_bytes);
  if (size < 1e3) return fmt::format("{} B", size_bytes);
  if (size < 1e6) return fmt::format("{:.1f} kB", size / 1e3);
  if (size < 1e9) return fmt::format("{:.1f} MB", size / 1e6);
  return fmt::format("{:.2f} GB", size / 1e9);
}

std::string pull_text(const std::vector<PullOutcome>& outcomes, Colour colour) {
  std::string text;
  for (const PullOutcome& outcome : outcomes) {
    if (!outcome.report) {
      text += fmt::format("{}  {}: nothing was pulled\n", verdict_word("could_not_run", colour),
                          core::printable(outcome.cluster));
      continue;
    }
    const puller::PullReport& report = *outcome.report;
    std::uint64_t size_bytes = 0;
    for (const store::BundleFile& file : report.snapshot.manifest.bundle) size_bytes += file.size_bytes;
    text += fmt::format("{}  {}: {} in {} (read transaction {}, {} on the wire), {} files, retaining {} snapshots\n",
                        verdict_word(to_string(verdict_of(outcome)), colour),
                        core::printable(report.snapshot.full_name()), format_size(size_bytes),
                        core::format_duration(report.duration), core::format_duration(report.read_transaction),
                        format_size(report.bytes_received + report.bytes_sent), report.snapshot.manifest.bundle.size(),
                        outcome.retained);
    if (!report.node.fallback.empty())
      text += fmt::format("      the node's sqlite3 made the copy: {}\n", core::printable(report.node.fallback));
    if (!outcome.retention_error.empty()) text += "      older ones could not be removed\n";
  }
  return text;
}

std::string run_text(const drill::DrillReport& report, const Page& page) {
  std::string text = fmt::format("{}  {}", verdict_word(to_string(verdict_of(report)), page.colour),
                                 report.snapshot.empty() ? "no snapshot" : core::printable(report.snapshot));
  if (report.engine)
    text += fmt::format("  restored with {} {} ({})", drill::to_string(report.engine->kind),
                        core::printable(report.engine->version), core::printable(report.engine->path_or_image));
  text += "\n";
  text += phases_text(report, page);
  if (!was_reached(report, "fetch") && verdict_of(report) == core::Verdict::inconclusive)
    text += "  nothing was tried: this says nothing about the snapshot\n";
  if (report.verification) text += checks_text(*report.verification, page) + warned_text(report, page);
  if (!report.compared_with.empty())
    text += fmt::format("  compared     with {}, the snapshot {}\n", core::printable(report.compared_with),
                        report.compared_with_drilled ? "of the drill before" : "before");
  if (was_reached(report, "prove"))
    text += fmt::format("  objects      {} of {} matched, {} missing, {} different, {} unexpected\n",
                        report.objects.matched, report.objects.expected, report.objects.missing,
                        report.objects.different, report.objects.unexpected);
  for (const std::string& example : report.objects.examples) text += "      " + core::printable(example) + "\n";
  text += proof_lines(report, page) + drift_lines(report);
  if (report.rto || report.objectives.rto)
    text += fmt::format("  RTO          {}\n", measured_text(report.rto, {}, report.objectives.rto));
  if (report.rpo || report.objectives.rpo)
    text += wrapped(
        "  RPO          ",
        measured_text(report.rpo, " since the capture of " + core::printable(report.snapshot), report.objectives.rpo),
        15, page.columns);
  return text;
}

std::string list_text(const std::vector<store::Snapshot>& snapshots, const Page& page) {
  if (snapshots.empty()) return "no snapshot yet: drill pull takes the first\n";
  Table table({"SNAPSHOT", "SIZE", "VERIFIED", "DRILLED", "K3S"}, {1});
  for (const store::Snapshot& snapshot : snapshots) {
    if (snapshot.unreadable) {
      table.add({core::printable(snapshot.full_name())},
                std::string("cannot be read: ") + core::printable(snapshot.unreadable->what()));
      continue;
    }
    if (snapshot.damage) {
      table.add({core::printable(snapshot.full_name())}, "damaged: " + core::printable(*snapshot.damage));
      continue;
    }
    const store::BundleFile* database = snapshot.manifest.find(store::kDatabaseFile);
    std::string note;
    if (snapshot.of_another_cluster) note = "OF ANOTHER CLUSTER";
    if (snapshot.lost) note += (note.empty() ? "LOST: " : "  LOST: ") + core::printable(*snapshot.lost);
    table.add({core::printable(snapshot.full_name()), format_size(database != nullptr ? database->size_bytes : 0),
               proof_word(snapshot.verified, "-"), proof_word(snapshot.drilled, "-"),
               core::printable(snapshot.manifest.k3s_version)},
              note);
  }
  return table.text(page);
}

std::string extract_text(const ExtractOutcome& outcome) {
  return fmt::format("{}: state.db of {}, {} in {}, sha256 {}\n", core::printable(outcome.file.string()),
                     core::printable(outcome.snapshot), format_size(outcome.written.size_bytes),
                     core::format_duration(outcome.duration), core::printable(outcome.written.sha256));
}

std::string import_text(const std::vector<ImportOutcome>& outcomes, Colour colour) {
  std::string text;
  std::size_t imported = 0;
  std::size_t refused = 0;
  for (const ImportOutcome& outcome : outcomes) {
    imported += outcome.verdict() == "imported" ? 1 : 0;
    refused += outcome.refusal ? 1 : 0;
    const std::string path = core::printable(outcome.path.string());
    if (outcome.refusal) {
      text += fmt::format("{}  {}: {}\n", painted("refused", "31;1", colour), path,
                          core::printable(outcome.refusal->what()));
    } else {
      text += fmt::format(
          "{}  {}: {}{}\n", outcome.already_there ? "there   " : "imported", path, core::printable(outcome.snapshot),
          outcome.of_another_cluster ? ", of another cluster than the series: drill series shows which" : "");
    }
  }
  return text + fmt::format("{} imported, {} already there, {} refused\n", imported,
                            outcomes.size() - imported - refused, refused);
}

std::string prune_text(const std::vector<PruneOutcome>& outcomes, PruneMode mode) {
  std::string text;
  std::size_t kept = 0;
  std::size_t removed = 0;
  for (const PruneOutcome& outcome : outcomes) {
    for (const store::RetentionDecision& decision : outcome.decisions) {
      ++(decision.action == store::Retention::keep ? kept : removed);
      text += fmt::format("{}/{}  {:<6}  {}", core::printable(outcome.cluster), core::printable(decision.name),
                          store::to_string(decision.action),
                          core::printable(fmt::format("{}", fmt::join(decision.reasons, ", "))));
      text.erase(text.find_last_not_of(' ') + 1);
      text += "\n";
    }
  }
  return text +
         fmt::format("{} kept, {} {}\n", kept, removed, mode == PruneMode::dry_run ? "would be removed" : "removed");
}

std::string doctor_text(const std::vector<DoctorLine>& lines, Colour colour) {
  std::size_t width = 0;
  for (const DoctorLine& line : lines) width = std::max(width, core::columns_of(core::printable(line.subject)));
  std::string text;
  for (const DoctorLine& line : lines) {
    text += fmt::format("{}  {}  {}\n", verdict_word(to_string(line.verdict), colour, 13),
                        padded(core::printable(line.subject), width), core::printable(line.message));
    if (!line.cure.empty()) text += fmt::format("{:15}{:<{}}  cure: {}\n", "", "", width, core::printable(line.cure));
  }
  return text;
}

}  // namespace reports
