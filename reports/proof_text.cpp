// What is proven about snapshots, for a person: the text of verify, verify --all and show.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/utf8.hpp"
#include "core/verdict.hpp"
#include "drill/verdict.hpp"
#include "reports/text.hpp"
#include "verifier/verdict.hpp"

namespace reports {
namespace {

constexpr std::size_t kResourceLines = 12;
constexpr std::size_t kNamespaceLines = 3;

std::vector<Counted> entries_of(const std::map<std::string, std::uint64_t>& counts) {
  std::vector<Counted> entries;
  for (const auto& [name, count] : counts) entries.push_back({name, count});
  return entries;
}

std::string census_text(const verifier::Verification& verification, const Page& page) {
  const verifier::Census& census = verification.census;
  const std::string compacted = verification.compact_revision.value > 0
                                    ? fmt::format(", compacted up to revision {}", verification.compact_revision.value)
                                    : std::string();
  std::string text = wrapped("  rows         ",
                             fmt::format("{}: {} live, {}{}", verification.rows.total, verification.rows.live,
                                         counted(verification.rows.tombstones, "tombstone"), compacted),
                             15, page.columns);
  const std::string sealed =
      census.sealed > 0 ? fmt::format("; {} sealed by encryption at rest", census.sealed) : std::string();
  text += wrapped(
      "  objects      ",
      fmt::format("{} in {}, {} of them in none; {}{}", census.objects_total, counted(census.namespaces, "namespace"),
                  census.cluster_scoped, counted(census.internal_keys, "internal key"), sealed),
      15, page.columns);
  text += count_columns(entries_of(census.by_resource), kResourceLines, "kinds", page);
  if (!census.by_namespace.empty())
    text += "  by namespace\n" + count_columns(entries_of(census.by_namespace), kNamespaceLines, "namespaces", page);
  return text;
}

std::string check_text(const core::Check& check, const Page& page) {
  return fmt::format("  {:<12} {}  {:>9}\n", core::printable(check.name),
                     verdict_word(core::to_string(check.verdict), page.colour, 13),
                     core::format_duration(check.duration)) +
         findings_text(check.findings, page);
}

std::string file_facts(const VerifyOutcome& outcome) {
  const verifier::Verification& verification = outcome.verification;
  return fmt::format("{}, {}, revision {}, {}", format_size(verification.size_bytes),
                     counted(verification.page_count, "page"), verification.revision.value,
                     core::format_duration(verification.duration));
}

std::string cluster_of(std::string_view full_name) { return std::string(full_name.substr(0, full_name.find('/'))); }

std::string problems_text(const EvidenceSummary& summary, const Page& page) {
  std::string text;
  for (const EvidenceSummary::Problem& problem : summary.problems)
    text += wrapped(fmt::format("    {:<10} ", core::printable(problem.name)),
                    (problem.verdict == "fail" ? std::string() : "could not run: ") + core::printable(problem.message),
                    15, page.columns);
  return text;
}

std::string seconds_text(const std::optional<double>& seconds) {
  if (!seconds) return "not measured";
  return core::format_duration(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(*seconds)));
}

std::string proof_text(std::string_view name, const std::optional<store::Proof>& proof,
                       const std::optional<EvidenceSummary>& summary, const Page& page) {
  if (!proof) return fmt::format("  {:<10} never\n", name);
  std::string text = fmt::format("  {:<10} {} at {}", name, verdict_word(core::printable(proof->verdict), page.colour),
                                 core::format_rfc3339(std::chrono::floor<std::chrono::seconds>(proof->at)));
  if (!summary) return text + "\n";
  if (summary->objects_matched && summary->objects_total) {
    text += fmt::format(": {} of {} objects matched", *summary->objects_matched, *summary->objects_total);
  } else if (summary->objects_total) {
    text += fmt::format(": {} objects", *summary->objects_total);
  }
  text += "\n";
  if (!summary->engine.empty())
    text += fmt::format("             RTO {}, RPO {} at that drill, with {}\n", seconds_text(summary->rto_seconds),
                        seconds_text(summary->rpo_seconds), core::printable(summary->engine));
  return text + problems_text(*summary, page);
}

}  // namespace

std::string verify_text(const VerifyOutcome& outcome, const Page& page) {
  const verifier::Verification& verification = outcome.verification;
  std::string text = fmt::format("{}  {}  ({})\n", verdict_word(to_string(verdict_of(verification)), page.colour),
                                 core::printable(outcome.name), file_facts(outcome));
  for (const core::Check& check : verification.checks) text += check_text(check, page);
  return verification.rows.total == 0 ? text : text + census_text(verification, page);
}

std::string verify_all_text(const VerifyAllOutcome& outcome, const Page& page) {
  struct Counts {
    std::size_t total = 0;
    std::map<core::Verdict, std::size_t> by_verdict;
  };
  std::map<std::string, Counts> clusters;
  std::string text;
  for (const VerifyOutcome& one : outcome.outcomes) {
    const core::Verdict verdict = verdict_of(one.verification);
    Counts& counts = clusters[cluster_of(one.name)];
    ++counts.total;
    ++counts.by_verdict[verdict];
    if (verdict == core::Verdict::pass) continue;
    text += fmt::format("{}  {}\n", verdict_word(to_string(verdict), page.colour, 12), core::printable(one.name));
    for (const core::Check& check : one.verification.checks)
      if (check.verdict == core::CheckVerdict::fail || check.verdict == core::CheckVerdict::could_not_run)
        text += check_text(check, page);
  }
  for (auto& [cluster, counts] : clusters)
    text += fmt::format("{}: {} verified: {} pass, {} fail, {} inconclusive\n", core::printable(cluster),
                        counted(counts.total, "snapshot"), counts.by_verdict[core::Verdict::pass],
                        counts.by_verdict[core::Verdict::fail], counts.by_verdict[core::Verdict::inconclusive]);
  return text + fmt::format("in {}, {} at a time\n", core::format_duration(outcome.duration), outcome.workers);
}

std::string show_text(const store::Snapshot& snapshot, const ProofDetails& proof, const Page& page) {
  const store::Manifest& manifest = snapshot.manifest;
  const std::string made_by = manifest.sqlite_version.empty()
                                  ? std::string()
                                  : fmt::format(", SQLite {} on {}", manifest.sqlite_version, manifest.arch);
  std::string text = core::printable(snapshot.full_name()) + "\n";
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("  {:<10} {}\n", name, core::printable(value));
  };
  if (snapshot.lost)
    text += wrapped(fmt::format("  {}       ", painted("LOST", "31;1", page.colour)), core::printable(*snapshot.lost),
                    13, page.columns);
  if (snapshot.of_another_cluster)
    text += wrapped(
        "  BESIDE     ",
        "it is of another cluster than the series: drill series " + core::printable(manifest.cluster) + " shows which",
        13, page.columns);
  line("taken", core::format_rfc3339(manifest.taken_at));
  line("k3s", manifest.k3s_version.empty() ? "not known" : manifest.k3s_version);
  if (manifest.identity.known()) line("cluster", core::describe(manifest.identity));
  line("method", manifest.method + made_by);
  line("directory", snapshot.directory.string());
  line("stored as", fmt::format("{}{}, {}", manifest.database.file,
                                manifest.database.base.empty() ? std::string() : " on " + manifest.database.base,
                                format_size(manifest.database.size_bytes)));
  std::string verified = proof_text("verified", snapshot.verified, proof.verify, page);
  if (snapshot.verified_by_drill()) verified.insert(verified.size() - 1, ", by that drill");
  text += verified;
  text += proof_text("drilled", snapshot.drilled, proof.run, page);
  text += "  files\n";
  for (const store::BundleFile& file : manifest.bundle)
    text +=
        fmt::format("    {} {:>9}  sha256 {}\n", padded(core::printable(file.path), 16), format_size(file.size_bytes),
                    page.columns < 100 && page.detail == Detail::brief
                        ? std::string(core::first_columns(core::printable(file.sha256), 16)) + "..."
                        : core::printable(file.sha256));
  return text;
}

}  // namespace reports
