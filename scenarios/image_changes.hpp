// Images of a state database that nobody serves: what an hour of a cluster's life does to it, written by sqlite3 as
// kine writes it. For cases without a node. What it does not do: read one (verifier/).
#pragma once

#include <filesystem>
#include <string>

#include "core/clock.hpp"

namespace scenarios {

/// Adds a change of `time` to the image: one more revision of the ConfigMap default/clock, which carries that time;
/// then `more` (SQL). Throws: storage.
void touch_image(const std::filesystem::path& image, core::UtcTime time, const std::string& more = {});

/// SQL that removes every object below this key, as kine records it.
std::string removal_of(const std::string& prefix);

/// SQL: the newest object changes so many more times, and nothing is compacted.
std::string revisions_of_newest(std::uint64_t count);

/// SQL that makes it the image of another cluster: kube-system gets another uid.
std::string another_uid();

}  // namespace scenarios
