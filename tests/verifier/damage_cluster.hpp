// A small cluster to be damaged: a sealed bootstrap row, namespaces with what is in them, rows large enough to
// overflow, history above a compact revision, tombstones, and the snapshot before.
#pragma once

#include <filesystem>

#include "tests/verifier/kine_database.hpp"
#include "tests/verifier/outcome.hpp"

/// Makes it in `directory` and verifies that it is sound. Throws: runtime_error when it is not.
damage::Stage make_damage_stage(const std::filesystem::path& directory, kine::Era era);
