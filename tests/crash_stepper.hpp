// Kills a program just before each system call that changes a file system, one after the other, so that a test can look
// at what a crash at any instruction leaves: between two such calls the disk stays as it is.
// Children and threads of the program count as the program. Of a row of writes to one file the first two and then each
// 16th are steps; fsync is one, as it says what a power cut would leave. Not seen: writes through mmap, ioctl,
// io_uring.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace crash {

struct Step {
  std::string call;    // "renameat2"
  std::string path;    // absolute; of a descriptor, what the kernel calls it: "/store/#123 (deleted)" has no name yet
  std::string target;  // of a rename or a link
};

/// "renameat2 /store/a /store/b".
std::string to_string(const Step& step);

struct Victim {
  std::vector<std::string> argv;                   // argv[0] is a path, or a name looked up in PATH
  std::map<std::string, std::string> environment;  // added to ours
};

struct Outcome {
  std::optional<Step> killed_before;  // empty when it came to its end
  int exit_code = 0;                  // or 128 + the signal that ended it
  std::size_t steps = 0;
  std::string output;  // stdout and stderr as one
};

/// What to do while the program stands before a step; it has not happened yet.
using Look = std::function<void(const Step&)>;

/// Why programs cannot be stepped through here; empty when they can.
std::string missing();

/// Runs `victim` and kills it, with all it started, before its step `kill_before` (from 1); 0 lets it come to its end.
/// Throws: std::runtime_error when it cannot be started or traced. Leaves: no process.
Outcome run(const Victim& victim, std::size_t kill_before = 0, const Look& look = {});

}  // namespace crash
