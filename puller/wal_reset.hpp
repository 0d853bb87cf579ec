// Whether SQLite's WAL-reset bug is on a node: two connections that write or checkpoint at once in WAL mode may lose
// commits that k3s was told are safe. Told from versions alone, for `drill doctor`.
// What it does not do: know of a distribution that fixed the bug without changing the version.
// Source: https://sqlite.org/wal.html#walresetbug: in 3.7.0 (the first with a WAL) to 3.51.2; fixed in 3.51.3, 3.50.7
// and 3.44.6. 3.52.0, withdrawn for other reasons, has the fix.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace puller {

enum class WalReset { absent, present, unknown };

/// By the version of a SQLite: "3.40.1". Unknown for anything that is no version.
WalReset wal_reset_in_sqlite(std::string_view version);

/// By the version of a k3s: "v1.36.2+k3s1". Unknown for anything that is no version, and for releases whose SQLite is
/// not known.
/// Source: release notes at docs.k3s.io: v1.30.0 has SQLite 3.44.0, v1.34.9 3.53.0, v1.35.5 3.53.0, v1.36.0 3.51.3.
WalReset wal_reset_in_k3s(std::string_view version);

/// One line with its cure for each of the two programs in which the bug is, or may be; an empty version is of a program
/// that is not there or not used, and is passed over.
std::vector<std::string> wal_reset_warnings(std::string_view sqlite_version, std::string_view k3s_version);

}  // namespace puller
