#include "store/retention.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

namespace store {
namespace {

constexpr std::size_t kLastByDefault = 720;

using Snapshots = std::vector<const Snapshot*>;                   // newest first
using Reasons = std::map<std::string, std::vector<std::string>>;  // by name

// By its name: a manifest that cannot be read tells no time.
core::UtcTime timestamp_of(const Snapshot& snapshot) {
  return core::parse_compact(snapshot.manifest.name).value_or(core::UtcTime());
}

std::int64_t hour_of(core::UtcTime time) { return time.time_since_epoch() / std::chrono::hours(1); }

std::int64_t day_of(core::UtcTime time) { return time.time_since_epoch() / std::chrono::days(1); }

// Weeks begin on Monday, and the first day of all was a Thursday.
std::int64_t week_of(core::UtcTime time) { return (day_of(time) + 3) / 7; }

std::int64_t month_of(core::UtcTime time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return std::int64_t{static_cast<int>(date.year())} * 12 + static_cast<unsigned>(date.month());
}

// Keeps the newest of each of the last `count` periods that have one.
void keep_newest_of(const Snapshots& snapshots, std::optional<std::size_t> count, std::string_view reason,
                    const std::function<std::int64_t(core::UtcTime)>& period_of, Reasons& reasons) {
  std::set<std::int64_t> periods;
  for (const Snapshot* snapshot : snapshots) {
    if (periods.size() >= count.value_or(0)) return;
    if (periods.insert(period_of(timestamp_of(*snapshot))).second)
      reasons[snapshot->manifest.name].emplace_back(reason);
  }
}

Reasons apply_rules(const Snapshots& snapshots, const RetentionRules& rules, core::UtcTime now) {
  Reasons reasons;
  if (snapshots.empty()) return reasons;
  const bool none =
      !rules.last && !rules.hourly && !rules.daily && !rules.weekly && !rules.monthly && !rules.for_duration;
  const std::size_t last = rules.last.value_or(none ? kLastByDefault : 0);
  for (std::size_t i = 0; i < std::min(last, snapshots.size()); ++i)
    reasons[snapshots[i]->manifest.name].emplace_back("last");
  keep_newest_of(snapshots, rules.hourly, "hourly", hour_of, reasons);
  keep_newest_of(snapshots, rules.daily, "daily", day_of, reasons);
  keep_newest_of(snapshots, rules.weekly, "weekly", week_of, reasons);
  keep_newest_of(snapshots, rules.monthly, "monthly", month_of, reasons);
  const core::UtcTime newest = std::min(timestamp_of(*snapshots.front()), now);
  for (const Snapshot* snapshot : snapshots)
    if (rules.for_duration && newest - timestamp_of(*snapshot) < *rules.for_duration)
      reasons[snapshot->manifest.name].emplace_back("young");
  return reasons;
}

bool passed(const std::optional<Proof>& proof) { return proof && proof->verdict == "pass"; }

void keep_always(const Snapshots& whole, Reasons& reasons) {
  const auto keep_first = [&](std::string_view reason, const std::function<bool(const Snapshot&)>& matches) {
    const auto found = std::find_if(whole.begin(), whole.end(), [&](const Snapshot* one) { return matches(*one); });
    if (found != whole.end()) reasons[(*found)->manifest.name].emplace_back(reason);
  };
  keep_first("newest", [](const Snapshot&) { return true; });
  keep_first("newest verified", [](const Snapshot& one) { return passed(one.verified); });
  keep_first("newest proven", [](const Snapshot& one) { return passed(one.drilled); });
}

// What would go although a kept one is made from it stays, and says for which.
void keep_bases(const Snapshots& all, Reasons& reasons) {
  std::map<std::string, const Snapshot*> by_name;
  for (const Snapshot* snapshot : all) by_name[snapshot->manifest.name] = snapshot;
  std::map<std::string, std::vector<std::string>> needed_by;
  for (const Snapshot* snapshot : all) {
    if (snapshot->lost || reasons.count(snapshot->manifest.name) == 0) continue;
    for (auto base = by_name.find(snapshot->manifest.database.base); base != by_name.end();
         base = by_name.find(base->second->manifest.database.base))
      needed_by[base->first].push_back(snapshot->manifest.name);
  }
  for (const auto& [name, dependents] : needed_by) {
    if (reasons.count(name) != 0) continue;
    const bool keyframe = by_name.at(name)->manifest.database.base.empty();
    reasons[name].push_back(
        fmt::format("{} of {}{}", keyframe ? "keyframe" : "base", dependents.front(),
                    dependents.size() > 1 ? fmt::format(" and {} more", dependents.size() - 1) : std::string()));
  }
}

// Why those of one cluster stay: checked as if there were no other, so that none takes another's place.
void keep_of_one_cluster(const Snapshots& all, const RetentionRules& rules, core::UtcTime now, Reasons& reasons) {
  Snapshots whole;
  std::copy_if(all.begin(), all.end(), std::back_inserter(whole), [](const Snapshot* one) { return !one->lost; });
  Reasons own = apply_rules(whole, rules, now);
  keep_always(whole, own);
  const Reasons if_whole = apply_rules(all, rules, now);
  for (const Snapshot* snapshot : all)
    if (const auto found = if_whole.find(snapshot->manifest.name); snapshot->lost && found != if_whole.end())
      own.insert(*found);
  // What came last is never taken away unseen, lost or not.
  if (own.count(all.front()->manifest.name) == 0) own[all.front()->manifest.name].emplace_back("newest");
  reasons.merge(own);
}

}  // namespace

std::string_view to_string(Retention action) { return action == Retention::keep ? "keep" : "remove"; }

std::vector<RetentionDecision> decide_retention(const std::vector<Snapshot>& snapshots, const RetentionRules& rules,
                                                core::UtcTime now) {
  Snapshots all;
  std::vector<Snapshots> clusters;
  for (auto snapshot = snapshots.rbegin(); snapshot != snapshots.rend(); ++snapshot) {
    all.push_back(&*snapshot);
    const auto found = std::find_if(clusters.begin(), clusters.end(), [&](const Snapshots& cluster) {
      return are_of_one_cluster(*cluster.front(), *snapshot);
    });
    (found != clusters.end() ? *found : clusters.emplace_back()).push_back(&*snapshot);
  }
  Reasons reasons;
  for (const Snapshots& cluster : clusters) keep_of_one_cluster(cluster, rules, now, reasons);
  keep_bases(all, reasons);

  std::vector<RetentionDecision> decisions;
  for (const Snapshot& snapshot : snapshots) {
    RetentionDecision decision{snapshot.manifest.name, Retention::remove, {}};
    if (const auto found = reasons.find(decision.name); found != reasons.end()) {
      decision.action = Retention::keep;
      decision.reasons = found->second;
    }
    if (snapshot.of_another_cluster) decision.reasons.insert(decision.reasons.begin(), "of another cluster");
    if (snapshot.lost) decision.reasons.insert(decision.reasons.begin(), "lost");
    decisions.push_back(std::move(decision));
  }
  return decisions;
}

}  // namespace store
