// A node of a case: sshd, sudo and, when the case says so, a running k3s, in namespaces or a container of its own. It
// is there once the constructor returns, and gone with this value. The programs that make one: scenarios/lab/lab, and
// scenarios/container/node.
// What it does not do: know what a case does with it (room.hpp).
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/process.hpp"

namespace scenarios {

class Node {
 public:
  /// `program` with `options`, as `lab up` is called. Throws: storage with what it said, timeout, cancelled.
  Node(const std::filesystem::path& program, const std::vector<std::string>& options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// LAB_HOST and its like.
  const std::string& variable(const std::string& name) const { return variables_.at(name); }

  /// Runs `script` as root on the node, and says what came of it.
  core::CommandResult try_run(const std::string& script,
                              std::chrono::milliseconds timeout = std::chrono::seconds(60)) const;

  /// Its output, without the last newline. Throws: storage when it fails.
  std::string run(const std::string& script, std::chrono::milliseconds timeout = std::chrono::seconds(60)) const;

  /// Starts `script` as root on the node, to run beside us.
  std::unique_ptr<core::Child> start(const std::string& script) const;

  /// Takes it away for good, before its time.
  void end() noexcept;

  /// The lines of drill's config that name it as `cluster`.
  std::string config_lines(const std::string& cluster) const;

 private:
  std::vector<std::string> command(const std::string& script) const;

  core::Child child_;
  std::map<std::string, std::string> variables_;
  bool ended_ = false;
};

/// Calls `condition` until it holds; false when it never does within `patience`. Throws: cancelled.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience);

}  // namespace scenarios
