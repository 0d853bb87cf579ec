#include "puller/wal_reset.hpp"

#include <fmt/format.h>

#include <optional>

#include "core/version.hpp"

namespace puller {
namespace {

using core::Version;

std::string_view how_sure(WalReset state) { return state == WalReset::present ? "has" : "is not known to be free of"; }

}  // namespace

WalReset wal_reset_in_sqlite(std::string_view version) {
  if (version.starts_with('v')) return WalReset::unknown;
  std::string_view rest;
  const std::optional<Version> parsed = core::parse_version(version, &rest);
  if (!parsed || (!rest.empty() && rest.front() != ' ')) return WalReset::unknown;
  const auto from = [&](const Version& first, const Version& after) { return *parsed >= first && *parsed < after; };
  if (*parsed < Version{3, 7, 0} || *parsed >= Version{3, 51, 3}) return WalReset::absent;
  if (from({3, 50, 7}, {3, 51, 0}) || from({3, 44, 6}, {3, 45, 0})) return WalReset::absent;
  return WalReset::present;
}

WalReset wal_reset_in_k3s(std::string_view version) {
  if (!version.starts_with('v')) return WalReset::unknown;
  std::string_view rest;
  const std::optional<Version> parsed = core::parse_version(version, &rest);
  // A release candidate may have come before the SQLite of its release.
  if (!parsed || (!rest.empty() && rest.front() != '+')) return WalReset::unknown;
  const auto from = [&](const Version& first, const Version& after) { return *parsed >= first && *parsed < after; };
  if (*parsed >= Version{1, 36, 0}) return WalReset::absent;
  if (from({1, 35, 5}, {1, 36, 0}) || from({1, 34, 9}, {1, 35, 0})) return WalReset::absent;
  return *parsed <= Version{1, 30, 0} ? WalReset::present : WalReset::unknown;
}

std::vector<std::string> wal_reset_warnings(std::string_view sqlite_version, std::string_view k3s_version) {
  std::vector<std::string> warnings;
  const WalReset in_sqlite = wal_reset_in_sqlite(sqlite_version);
  const WalReset in_k3s = wal_reset_in_k3s(k3s_version);
  if (!sqlite_version.empty() && in_sqlite != WalReset::absent)
    warnings.push_back(
        fmt::format("sqlite3 {} on the node {} SQLite's WAL-reset bug, and opens the database beside k3s; a pull only "
                    "reads, but never "
                    "write with it while k3s runs; upgrade it to 3.51.3, 3.50.7 or 3.44.6, or see that your "
                    "distribution has the fix",
                    sqlite_version, how_sure(in_sqlite)));
  if (!k3s_version.empty() && in_k3s != WalReset::absent)
    warnings.push_back(
        fmt::format("k3s {} {} SQLite's WAL-reset bug, which can lose what was just written; upgrade k3s to v1.34.9, "
                    "v1.35.5, v1.36.0 "
                    "or newer",
                    k3s_version, how_sure(in_k3s)));
  return warnings;
}

}  // namespace puller
