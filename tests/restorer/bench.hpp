// A node for the tests of a restore: over a real sshd, with what a stopped server leaves there, and with commands that
// can be made to fail.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "core/scratch_dir.hpp"
#include "restorer/node.hpp"
#include "tests/lab_node.hpp"

inline const std::string kServer = "/var/lib/rancher/k3s/server";

// A node with what a stopped server leaves, and a snapshot to be put there. Its k3s is started and stopped by commands
// that do nothing: here it is all about files.
struct Bench {
  lab::Node node;
  core::ScratchDir scratch;
  std::filesystem::path database = scratch.path() / "state.db";
  std::filesystem::path token = scratch.path() / "token";
  restorer::ScriptFacts facts;

  Bench();

  void make_server() const;

  // Every file with all that can be said of it, and its content; without what a rollback has kept.
  std::string files() const;

  // What k3s had been started on, and a rollback has kept, is taken away; its content.
  std::string take_kept() const;

  void replace(restorer::Node& there) const;

  // False when the node cut it off.
  bool try_to(const std::function<void(restorer::Node&)>& work) const;

  // As the next drill does it.
  void recover() const;

  std::string mend_in_words() const;

  // From here on every command that changes a file counts, and the one of this number, from 1, kills its shell instead.
  // 0: none does.
  void kill_before(int number) const;
};
