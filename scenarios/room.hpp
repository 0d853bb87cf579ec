// The room of a case: a directory with a store, a config and logs; its nodes; and drill, run in it as a user runs it.
// Nothing of it is shared with another case, and nothing is left when it goes, unless its directory is kept.
// What it does not do: decide whether a case passed (runner.hpp), or know what faults do (faults_*.cpp).
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/process.hpp"
#include "scenarios/case.hpp"
#include "scenarios/drill_outcome.hpp"
#include "scenarios/room_node.hpp"

namespace scenarios {

/// Whose snapshots stand for those of the cases.
struct GameDay {
  std::string cluster;
  std::filesystem::path snapshots;  // a copy of the cluster's directory in the store
  std::size_t count = 0;            // how many of them a case may ask for
  std::string config;               // engines, and what else of the user's config is for all
};

/// What a case is run with.
struct Tools {
  std::filesystem::path drill;      // the program, run anew for each command
  std::filesystem::path scenarios;  // scenarios_directory()
  std::filesystem::path k3s;        // what the nodes run, and the engine: the stand-in, or a k3s
  std::string engine = "standin";   // or k3s, container
  std::string image;                // of engine container
  std::filesystem::path kubectl;    // k3s-client, or a kubectl
  std::filesystem::path node_program;
  std::optional<GameDay> game_day;
};

/// What moves a command's clock: libfaketime, as Debian places it. Source: package libfaketime.
#if defined(__aarch64__)
inline constexpr const char* kFakeTime = "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1";
#else
inline constexpr const char* kFakeTime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
#endif

class Room {
 public:
  /// Makes the directory and its files.
  Room(const Case& one, const Tools& tools, std::filesystem::path directory);
  ~Room();
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  /// Makes what `given` says: nodes, objects, snapshots. Throws: what kept it.
  void furnish();

  /// Does one step; of a command, its outcome. Throws: what kept it.
  std::optional<Outcome> take(const Step& step);

  /// What is not as expected.
  std::vector<std::string> differences(const Outcome& outcome, const std::vector<Expectation>& expected);
  /// The same of a step that others follow, and of those that ran during it. A command that a case says nothing about
  /// has to do what it is for.
  std::vector<std::string> differences(const Step& step, const Outcome& outcome);

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path store() const { return directory_ / "store"; }
  bool store_is_of_its_own() const { return case_.given.store_bytes.has_value(); }
  const Tools& tools() const { return tools_; }

  /// What the cluster of the case is called in config and store: edge, or that of a game day.
  std::string cluster() const { return tools_.game_day ? tools_.game_day->cluster : "edge"; }

  /// edge, or spare.
  Node& node(const std::string& name = "edge");
  bool has_node(const std::string& name) const { return nodes_.contains(name); }

  /// The directory of a snapshot of edge: latest, previous, oldest, or a number.
  std::filesystem::path snapshot(const std::string& which) const;
  /// All of edge, oldest first.
  std::vector<std::filesystem::path> snapshots() const;

  /// Adds a snapshot of that age that a node is not asked for: the image of the newest before, one change later, and
  /// what `change` (SQL) does to it.
  void import_image(std::chrono::nanoseconds age, const std::string& change = {});

  /// Of the API of a node, as seen from here.
  std::filesystem::path kubeconfig(const std::string& node);

  /// kubectl on that API. Throws: storage when it fails.
  std::string kubectl(const std::string& node, const std::vector<std::string>& arguments,
                      const std::string& input = {});
  bool kubectl_finds(const std::string& node, const std::string& object);

  /// Until no node has an ssh connection open; not for ever.
  void wait_for_connections_to_end();

  /// From now on the engine of its drills is this program.
  void set_engine(const std::filesystem::path& program);
  void write_config();
  /// From now on the config's edge is the spare node.
  void lead_to_spare();
  core::YamlNode& cluster_config() { return cluster_config_; }

  /// Unmounts it when the room goes.
  void will_unmount(const std::filesystem::path& mounted) { mounts_.push_back(mounted); }
  /// Runs beside the case, and ends with it.
  void keep(std::unique_ptr<core::Child> child) { children_.push_back(std::move(child)); }
  /// Of the command that runs just now.
  int running_pid() const { return running_pid_; }
  /// Of all commands that ran, or run.
  const std::vector<int>& pids() const { return pids_; }
  void note(const std::string& what);

  /// What faults write down for one another, and for what is expected.
  std::map<std::string, std::string> facts;

  /// Copies what the nodes have to say into the directory. Never throws.
  void collect_logs() noexcept;

 private:
  std::vector<std::string> node_options(NodeState state, const std::string& name) const;
  Outcome run_drill(const Step& step);
  std::string filled_in(std::string line) const;
  void take_snapshots();
  void begin_images(const std::filesystem::path& image);
  std::filesystem::path seed() const;

  const Case& case_;
  Tools tools_;
  std::filesystem::path directory_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::map<std::string, std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<core::Child>> children_;
  std::vector<std::filesystem::path> mounts_;
  core::YamlNode cluster_config_;
  std::filesystem::path engine_;
  bool leads_to_spare_ = false;
  int running_pid_ = 0;
  std::vector<int> pids_;
  int commands_ = 0;
};

/// What kubectl is told of an object that a case calls KIND/NAME, or KIND/NAMESPACE/NAME.
std::vector<std::string> words_of_object(const std::string& object);

}  // namespace scenarios
