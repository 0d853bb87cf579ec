// The way back of a restore: puts a node back as it was, after what failed here or what was cut off earlier, and says
// what came of it. Behind a shield, as Ctrl-C must not stop it.
// What it does not do: decide that it is to be gone (restore.cpp), or know how it is done (restorer/node.hpp).
#pragma once

#include <string>

#include "restorer/node.hpp"
#include "restorer/outcome.hpp"
#include "restorer/steps.hpp"

namespace restorer {

class Rollback {
 public:
  /// All must outlive it.
  Rollback(Node& node, const ScriptFacts& facts, Outcome& outcome) : node_(node), facts_(facts), outcome_(outcome) {}

  /// Puts back what an earlier restore has moved that was cut off; false when it could not.
  bool recover();
  Planned recover_step();
  /// What came of recover_step().
  const RollbackResult& recovered() const { return recovered_; }

  /// Puts back what this restore has moved, over a connection of its own, which may be what has failed and come back.
  /// Returns the directory with what was there before when it put nothing back, as the restore had come to its end.
  std::string roll_back();

 private:
  RollbackResult roll_back_once_reached();
  void say_whether_back(bool back, const std::string& where);

  Node& node_;
  const ScriptFacts& facts_;
  Outcome& outcome_;
  RollbackResult recovered_;
};

}  // namespace restorer
