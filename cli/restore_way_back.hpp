// The way back of a restore: puts a node back as it was, after what failed here or what was cut off earlier, and says
// what came of it. Behind a shield, as Ctrl-C must not stop it.
// What it does not do: decide that it is to be gone (cli/restore.cpp), or know how it is done (restorer/node.hpp).
#pragma once

#include <string>

#include "cli/restore_steps.hpp"
#include "reports/restore.hpp"
#include "restorer/node.hpp"

namespace cli {

class WayBack {
 public:
  /// All must outlive it.
  WayBack(restorer::Node& node, const restorer::ScriptFacts& facts, reports::RestoreOutcome& outcome)
      : node_(node), facts_(facts), outcome_(outcome) {}

  /// Puts back what an earlier restore has moved that was cut off; false when it could not.
  bool mend();
  Planned mend_step();
  /// What came of mend_step().
  const restorer::RollBack& mended() const { return mended_; }

  /// Puts back what this restore has moved, over a connection of its own, which may be what has failed and come back.
  /// Returns the directory with what was there before when it put nothing back, as the restore had come to its end.
  std::string roll_back();

 private:
  restorer::RollBack roll_back_once_reached();
  void say_whether_back(bool back, const std::string& where);

  restorer::Node& node_;
  const restorer::ScriptFacts& facts_;
  reports::RestoreOutcome& outcome_;
  restorer::RollBack mended_;
};

}  // namespace cli
