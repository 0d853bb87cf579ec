// `drill diff` and `drill log`: what changed between two snapshots, and the life of one object, as JSON and as text.
// Fields and meanings: docs/json.md. Names, uids, revisions, times and sizes; never a value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reports/page.hpp"
#include "verifier/changes/difference.hpp"
#include "verifier/changes/life.hpp"

namespace reports {

/// One side of a difference.
struct DiffSide {
  std::string name;     // CLUSTER/NAME, or a path
  std::string cluster;  // empty for a file
  std::optional<core::UtcTime> taken_at;
  const verifier::Inventory* inventory = nullptr;
};

struct DiffOutcome {
  DiffSide before;
  DiffSide after;
  verifier::Difference difference;
  /// Events and leases are listed as well, not only counted.
  enum class Noise { counted, listed } noise = Noise::counted;
};

std::string diff_json(const DiffOutcome& outcome);  // k3s-drill/diff/1
std::string diff_text(const DiffOutcome& outcome, const Page& page);

/// A snapshot that could not be looked at.
struct PassedOver {
  std::string snapshot;
  std::string reason;
};

struct LogOutcome {
  std::string cluster;
  verifier::Life life;  // its snapshots are named without the cluster
  std::vector<PassedOver> passed_over;
  std::vector<std::string> get_back;  // the command that gives the last snapshot with it; empty when it is still there
};

std::string log_json(const LogOutcome& outcome);  // k3s-drill/log/1
std::string log_text(const LogOutcome& outcome, const Page& page);

}  // namespace reports
