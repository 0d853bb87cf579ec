// What the evidence kept beside a snapshot says besides its verdict: read back from verify.json and run.json for
// `drill show`. Evidence may be of an older drill: what is not there, or is of another form, is left out, and what has
// changed its name is read by the name it had.
// What it does not do: decide whether a snapshot is proven (store::Proof).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reports {

struct EvidenceSummary {
  /// A check or phase that did not pass, with the first thing it says.
  struct Problem {
    std::string name;
    std::string verdict;
    std::string message;
  };
  std::vector<Problem> problems;  // verdict fail or could_not_run
  std::string engine;             // of a run: "k3s v1.36.2+k3s1"
  std::optional<double> rto_seconds;
  std::optional<double> rpo_seconds;  // unknown of a run/1, which had the next one in its place
  std::optional<double> captured_lag_seconds;
  std::optional<std::uint64_t> objects_total;  // of a verification, or expected by a run
  std::optional<std::uint64_t> objects_matched;
};

/// Empty for anything that is no JSON object. Never throws for what the text says.
std::optional<EvidenceSummary> read_evidence(std::string_view json);

struct ProofDetails {
  std::optional<EvidenceSummary> verify;
  std::optional<EvidenceSummary> run;
};

}  // namespace reports
