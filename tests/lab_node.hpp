// A lab node: with a control plane, or bare with what a test puts on it, a kine-shaped database with or without a
// writer. One node per test; it is gone when the object is.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "puller/pull.hpp"
#include "store/store.hpp"

// Ends a test case where no lab node can be had.
#define NEEDS_LAB()                           \
  if (!lab::missing().empty()) {              \
    WARN("test skipped: " << lab::missing()); \
    return;                                   \
  }

namespace lab {

/// Why no lab node can be started here; empty when one can.
std::string missing();

enum class ControlPlane { no, yes };

class Node {
 public:
  explicit Node(const std::vector<std::string>& options = {}, ControlPlane control_plane = ControlPlane::no);
  ~Node();

  puller::Target target(puller::Method method = puller::Method::automatic) const;
  std::string variable(const std::string& name) const { return variables_.at(name); }

  /// Runs `script` as root on the node; its stdout without the last newline. Throws when it fails.
  std::string run(const std::string& script) const;

  /// Types, as root at a terminal of the node, the command that `message` says to type there (docs/messages.md). Its
  /// output. Throws when there is none, or when it fails.
  std::string type_cure(const std::string& message) const;

  /// The argv that runs `script` as root on the node.
  std::vector<std::string> command(const std::string& script) const;

  /// Puts a data directory there: `rows` rows of about `value_bytes`, a token, a config. Nothing has it open.
  void make_database(int rows = 500, int value_bytes = 2000) const;

  /// From here on connections to its sshd have these settings, too. Those that are there have what they had.
  void configure_sshd(const std::string& lines) const;

  /// Kills what serves the connections to its sshd. Returns when they are gone.
  void cut_connections() const;

  /// From here on sudo allows what these lines of a sudoers file say, and nothing else.
  void allow_only(const std::string& sudoers) const;

  /// From here on there is no sqlite3 to be found on it.
  void hide_sqlite3() const;

  /// From here on its shell and its tools are busybox's, as on Alpine.
  void install_busybox() const;

 private:
  std::unique_ptr<core::Child> child_;
  std::map<std::string, std::string> variables_;
};

/// A sqlite3 on the node that has the database open, as k3s has.
class Writer {
 public:
  explicit Writer(const Node& node);
  /// By another name of sqlite3, and another database.
  Writer(const Node& node, const std::string& program, const std::string& database);
  ~Writer();
  /// Runs one statement and returns when it is done.
  void execute(const std::string& sql);

 private:
  core::Child child_;
};

/// Makes one sqlite3 on the node insert without pause until the node ends. Returns when it does.
std::unique_ptr<core::Child> start_busy_writer(const Node& node);

/// A store in a scratch directory.
struct Shelf {
  core::ScratchDir scratch;
  store::Store store{scratch.path() / "store"};
  std::vector<std::filesystem::path> files() const;  // of the whole store but its locks
};

/// Waits for `condition`; false after `seconds`.
bool eventually(const std::function<bool()>& condition, int seconds = 20);

/// What a pull left on the node beside drill-node itself, after up to `seconds` for it to go: directories, processes.
std::string left_behind(const Node& node, int seconds = 20);

/// A forked child; `work` returns what the parent shall read.
class Fork {
 public:
  explicit Fork(const std::function<std::string()>& work);
  ~Fork();
  void signal(int number) const;
  std::string result();  // waits for its end

 private:
  int pid_ = 0;
  core::Fd out_;
};

/// The command that `message` says to type `where` ("here", "on the node"). Throws when there is none.
std::string cure(const std::string& message, const std::string& where);

/// Types, in a shell of this machine, the command that `message` says to type. Throws as Node::type_cure.
void type_cure_here(const std::string& message);

/// "" when the pull succeeded, else "kind: message".
std::string try_pull(const puller::Target& target, store::Store& store);

/// The first line sqlite3 prints for `sql` on a copy of a stored snapshot's database.
std::string query(store::Store& store, const store::Snapshot& snapshot, const std::string& sql);

}  // namespace lab
