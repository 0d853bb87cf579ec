// drills.jsonl: one line for each drill of a cluster, appended and never changed. It lies beside the snapshots and
// outlives them; retention does not know it. Format: docs/store-format.md.
// What it does not do: read what is in a line (history/drill_record.hpp).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace store {

inline constexpr std::string_view kJournalFile = "drills.jsonl";

/// Appends `line` (without a line feed) and flushes it. Where the last line is torn, as by a power cut, it begins a new
/// one. Drills that end at once wait for each other. Throws: storage, denied. Leaves: the file as it was.
void append_line(const std::filesystem::path& cluster_directory, std::string_view line);

/// The lines, oldest first, a torn one among them; of a file above 8 MiB those of its last 8 MiB. None when there is no
/// file. Throws: storage, denied.
std::vector<std::string> read_lines(const std::filesystem::path& cluster_directory);

}  // namespace store
