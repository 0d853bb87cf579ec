// The POSIX shell text of a restore, for dash, bash and busybox, run as root on the node. Each step is a few lines over
// a handful of functions, so that a person can read what will run; each may be cut off anywhere, as rollback_script()
// puts back whatever was moved by then, and may itself be run again.
// What it does not do: decide whether a node may be restored (preflight.hpp), or run anything (node.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ssh/target.hpp"

namespace restorer {

/// What is configured about a node.
struct Settings {
  ssh::Target target;
  std::filesystem::path kubeconfig = "/etc/rancher/k3s/k3s.yaml";  // on the node
  std::string stop_command;                                        // on the node; empty: its service manager's
  std::string start_command;                                       // both or none
  std::chrono::seconds stop_timeout{60};                           // from its end until nothing has the database open
  std::chrono::seconds start_timeout{120};                         // until the command has come back, not until ready
  std::chrono::seconds flush_timeout{120};                         // of one file system; then it is said, and gone on
};

/// Who starts and stops k3s there.
enum class Manager { none, systemd, openrc, commands };

std::string_view to_string(Manager manager);

/// Whether k3s ran, or tried to, before it was touched; a rollback brings that back.
enum class Service { stopped, running };

/// Whether the node had a server directory; a rollback of one that had none leaves none but for what is kept.
enum class Server { absent, present };

/// What every script of one restore begins with.
struct ScriptFacts {
  Settings settings;
  Manager manager = Manager::none;
  Service service = Service::stopped;
  Server server = Server::absent;
  std::string snapshot;                 // "edge/20261123T231700Z"
  std::string timestamp;                // of this restore, and no other's: "20261124T031500Z-3f9a"
  std::filesystem::path database_link;  // what state.db leads to when it is a symlink; it stays one

  /// Where the database is, with its WAL.
  std::filesystem::path directory() const {
    return database_link.empty() ? settings.target.data_dir / "server/db" : database_link.parent_path();
  }
  /// Where the journal and what has arrived lie while a restore is at work; there is no restore without it.
  std::filesystem::path work() const { return directory() / ".drill-restore"; }
  /// Where what was there before is kept: beside the database, so that it gets there by its name alone.
  std::filesystem::path aside() const { return directory() / ("before-restore-" + timestamp); }
  /// Puts back what was there; on the node from before the first change on.
  std::filesystem::path rollback_file() const { return work() / "rollback.sh"; }
};

/// A file to be sent.
struct Parcel {
  std::string name;
  std::uint64_t size_bytes = 0;
  std::string sha256;
};

// The lines of each step.
std::string stop_step(const ScriptFacts& facts);
std::string aside_step();
std::string place_step();
std::string start_step(const ScriptFacts& facts);
std::string finish_step();
std::string rollback_step(const ScriptFacts& facts);

/// `step` with all it needs, for a root shell: says hello, then `refused WHY` or `end`.
std::string step_script(const ScriptFacts& facts, std::string_view step);

/// Puts back what this restore has moved, and nothing of another's. Says `fact kept DIRECTORY` when k3s had been
/// started on what was placed, as that is never thrown away; `fact stands DIRECTORY` when the restore had come to its
/// end and DIRECTORY holds what was there before; `fact service running` when it has started k3s. rollback_file() does
/// the same, and refuses while a drill is at work there.
std::string rollback_script(const ScriptFacts& facts);

/// Reads only: says facts (node.cpp), and what k3s is told (k3s/gather_script.hpp).
std::string look_script(const Settings& settings);

/// Reads only: tells the content of `file` as k3s would be told it; nothing when there is none.
std::string read_script(const Settings& settings, const std::string& file);

/// Makes work(), the sign that a restore is at work, with the rollback in it; says `end` and stays until its stdin
/// ends.
std::string claim_script(const ScriptFacts& facts);

/// Marks as in use again what claim_script() has, when its connection was lost. Refuses when somebody else has begun to
/// end that restore meanwhile. Says `end` and stays as above.
std::string claim_again_script(const ScriptFacts& facts);

/// For each parcel says `send NAME` and takes its bytes from stdin.
std::string receive_script(const ScriptFacts& facts, const std::vector<Parcel>& parcels);

/// Says whether k3s runs, the processes that have its database open, the last complaint in its log, and, once it was
/// started on what was placed, how often it has failed to open that since it last did.
std::string pulse_script(const ScriptFacts& facts);

/// Says `kubeconfig SIZE` and its bytes when there is one.
std::string kubeconfig_script(const ScriptFacts& facts);

/// Puts back what a restore that was cut off has moved, with the rollback it left there.
std::string recover_script(const Settings& settings);

/// Lets what a restore has placed that was cut off stand. Says `fact kept DIRECTORY`, with what was there before.
std::string accept_script(const Settings& settings);

}  // namespace restorer
