// What a command of a case came to: its exit code, what it said, and the facts of its JSON document that a case may
// ask for. What it does not do: run it (room.hpp).
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace scenarios {

struct Outcome {
  std::string command;  // as typed
  int exit_code = 0;    // 128 + the signal that ended it
  std::chrono::nanoseconds duration{0};
  std::string document;  // stdout
  std::string log;       // stderr

  // Of the document.
  std::string verdict;
  std::string texts;                            // all of its texts, and the log
  std::vector<std::string> failing;             // checks, phases and steps whose verdict is fail
  std::vector<std::string> undone;              // those that could not run
  std::map<std::string, std::string> verdicts;  // of snapshots, by their names without the cluster
  std::string snapshot;                         // which was drilled, pulled or restored, without its cluster
  std::optional<double> rpo_seconds;
  std::optional<double> rto_seconds;
  std::optional<bool> objectives_met;
  bool rolled_back = false;

  std::vector<std::string> meanwhile;  // what was not as expected of the commands that ran during it
};

/// Fills what `document` says.
void read_document(Outcome& outcome);

/// The first error, or warning, or last line of the log: for a person who asks what happened.
std::string in_one_line(const Outcome& outcome);

}  // namespace scenarios
