// The same results for a person at a terminal: aligned, short, the verdict where the eye looks.
#pragma once

#include <string>
#include <vector>

#include "reports/evidence.hpp"
#include "reports/json.hpp"
#include "reports/page.hpp"

namespace reports {

std::string pull_text(const std::vector<PullOutcome>& outcomes, Colour colour);
std::string verify_text(const VerifyOutcome& outcome, const Page& page);

/// The snapshots that did not pass, with what was found; then the numbers of each cluster.
std::string verify_all_text(const VerifyAllOutcome& outcome, const Page& page);

std::string run_text(const drill::DrillReport& report, const Page& page);
std::string list_text(const std::vector<store::Snapshot>& snapshots, const Page& page);
std::string show_text(const store::Snapshot& snapshot, const ProofDetails& proof, const Page& page);
std::string extract_text(const ExtractOutcome& outcome);
std::string import_text(const std::vector<ImportOutcome>& outcomes, Colour colour);
std::string prune_text(const std::vector<PruneOutcome>& outcomes, PruneMode mode);
std::string doctor_text(const std::vector<DoctorLine>& lines, Colour colour);

/// "36.2 MB"; for people, never for JSON.
std::string format_size(std::uint64_t size_bytes);

}  // namespace reports
