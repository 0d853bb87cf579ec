// The steps of a restore: each is shown before it runs, runs once, and is reported whatever becomes of it.
// What it does not do: know what a step does, or in which order they come (restore.cpp).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "restorer/node.hpp"
#include "restorer/outcome.hpp"

namespace restorer {

/// What becomes of a restore when a step fails.
enum class OnFailure { roll_back, go_on };

/// A step, as it is shown before it runs.
struct Planned {
  std::string name;
  std::string title;
  std::string lines;  // that run on the node; empty: it runs here
  std::function<void(Step&)> work;
  OnFailure on_failure = OnFailure::roll_back;
};

/// Runs it and adds it to `outcome`; true when the next may follow. Whatever it throws is a finding of the step.
bool run_step(const Planned& planned, Outcome& outcome);

/// Adds what the node could not flush to disk, as a warning.
void say_unflushed(Node& node, Step& step);

/// Adds them to `outcome` as what would run.
void show_steps(const std::vector<Planned>& planned, Outcome& outcome);

}  // namespace restorer
