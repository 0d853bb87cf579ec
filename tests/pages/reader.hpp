// One who reads the pages and types what they say: on a machine of its own, which sees this one's programs, and whose
// /etc, /usr/local, /var, /home and /srv are written to without changing this one's. It has a lab node, which the
// README's smallest config calls 10.0.0.2, with a namespace `shop` in its cluster.
#pragma once

#include <set>
#include <string>

#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "tests/cli/bench.hpp"
#include "tests/lab_node.hpp"
#include "tests/pages/pages.hpp"

namespace pages {

/// kubectl and an informer in one ($DRILL_CLIENT, else build/k3s-client).
std::string client_program();

class Reader {
 public:
  /// `config`: what lies in /etc/drill/config.yaml. `sudoers`: what sudo allows ubuntu on the node.
  Reader(const std::string& config, const std::string& sudoers);
  ~Reader();

  /// A new directory to type in, with what a page takes to be there: state.db and token of a snapshot once
  /// there is one, the release build, and in the store the snapshots that the block's commands name by their time.
  void sit_down(const Block& block);

  /// Types `command` as `user`; its output and exit code. Answers what it asks, and does what the page says in words.
  core::CommandResult type(const std::string& command, const std::string& user);

  /// Commands that would be answered, and were never typed.
  std::set<std::string> unanswered() const { return unanswered_; }

 private:
  core::CommandResult run(const std::string& script) const;
  void must(const std::string& script) const;
  void fill_cluster() const;
  void let_in(const std::string& user, const std::string& home) const;

  core::ScratchDir scratch_;
  lab::Node node_{{}, lab::ControlPlane::yes};
  bench::Background machine_;
  std::set<std::string> unanswered_;
  int desks_ = 0;
};

}  // namespace pages
