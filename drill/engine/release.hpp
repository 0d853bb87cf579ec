// k3s releases: downloaded once, checked against their published sha256, kept in the cache.
#pragma once

#include <filesystem>
#include <string>

#include "drill/engine/engine.hpp"

namespace drill {

/// Whether it has the form of one, v1.35.6+k3s1. A node, or an object in its database, says the version: it may say
/// anything, and what is named by it is run.
bool is_k3s_version(const std::string& text);

/// Where the release of `version` is, or would be. Throws: not_found for what has not the form of a k3s version, such
/// as a path.
std::filesystem::path cached_release(const EngineSettings& settings, const std::string& version);

/// Downloads the k3s binary of `version` for this machine and its sha256sum file, compares, and keeps it executable.
/// Throws: unreachable, not_found, denied, storage (also for another hash than published). Leaves: no file on failure.
/// Source: k3s-io/k3s install.sh: RELEASE_URL/VERSION/k3s[-ARCH], sha256sum-ARCH.txt, '+' as %2B.
std::filesystem::path download_release(const EngineSettings& settings, const std::string& version);

}  // namespace drill
