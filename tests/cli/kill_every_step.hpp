// A command that changes the store, killed before each of its steps, and what must hold after each kill.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/cli/bench.hpp"
#include "tests/crash_stepper.hpp"

namespace bench {

using Names = std::vector<std::string>;

/// The snapshots that `drill list` shows, each of which is checked to come back with the hashes of its manifest.
Names whole_snapshots(const Desk& desk);

/// What no command may leave in a store: half a snapshot, a temporary file.
Names leftovers(const std::filesystem::path& store);

/// What a command does to the store when it is not killed, and how often it was.
struct Outlook {
  std::size_t added = 0;
  std::size_t removed = 0;
  std::size_t kills = 0;
};

/// Runs `drill ARGUMENTS` once, then, each time on the store as it was before, up to its 1st, 2nd, ... step. Checks
/// that nothing was readable by others at any step; that all is whole after the kill, and only what the command removes
/// is gone; and that `next` succeeds, leaves nothing behind, and ends with at least as many snapshots as the whole
/// command.
Outlook kill_before_every_step(const Desk& desk, const std::vector<std::string>& arguments,
                               const std::function<core::CommandResult()>& next);

}  // namespace bench
