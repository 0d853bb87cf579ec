// A k3s server that is being restored: what it says of itself, the steps run on it, and the way back.
// Between cli, which owns their order, and the shell text of node_script. It changes the node and nothing here.
// A connection that is lost between two steps is made again, and the claim with it; one lost in a step ends that step.
// What it does not do: decide whether the node may be restored (preflight.hpp), or know what is in a database.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "k3s/settings.hpp"
#include "restorer/node_script.hpp"
#include "ssh/conversation.hpp"
#include "ssh/session.hpp"

namespace restorer {

/// A token that k3s would take before the one beside the database.
struct ConfiguredToken {
  std::string file;
  std::string sha256;  // of its password
};

/// How far a restore had come that was cut off: nothing was changed yet; it was; k3s was started on what was placed.
enum class Stage { claimed, changed, started };

/// The cluster of which a node has the database, when its CA is not the snapshot's: as that database tells.
struct OtherCluster {
  std::string kube_system_uid;           // empty: not known
  std::optional<core::UtcTime> made_at;  // empty: not known
  std::uint64_t objects = 0;
  std::vector<std::string> of_somebody;  // those that k3s does not make by itself
  std::string problem;                   // why it could not be looked into; empty: it was

  /// It holds nothing but what a new k3s makes by itself.
  bool is_new() const { return problem.empty() && !kube_system_uid.empty() && of_somebody.empty(); }
};

/// What is known of a node before anything is done to it.
struct NodeState {
  std::string peer;         // "ubuntu@10.0.0.2 port 22"
  std::string k3s_version;  // empty: no k3s
  std::string name;         // as the machine calls itself
  Manager manager = Manager::none;
  Service service = Service::stopped;
  Server server = Server::absent;
  std::uint64_t database_size_bytes = 0;  // with its WAL; 0: none
  std::uint64_t free_bytes = 0;
  std::string ca_sha256;     // of server-ca.crt; empty: none
  std::string token_ca;      // that server/token names; empty: none
  std::string token_sha256;  // of the password in server/token; empty: none
  std::optional<ConfiguredToken> configured_token;
  std::string missing_token_file;  // configured and not there, with the file that names it
  std::string config_sha256;       // empty: no config
  std::string other_config;        // "/srv/k3s.yaml, as FILE says": the config that k3s reads, when not ours
  std::vector<std::string> unreadable_configs;  // "FILE, line 3": k3s would not start on them
  std::string database_link;                    // what state.db leads to when it is a symlink; empty: it is none
  bool database_link_lost = false;              // into a directory that is not there, as of a disk that is not mounted
  std::string other_database;    // "/srv/x.db, as FILE says": of a datastore-endpoint that is not state.db
  std::string other_data_dir;    // "/data, as FILE says": where k3s has its data, when not where we look
  std::string other_kubeconfig;  // as above, for the kubeconfig it writes
  bool secrets_encryption = false;
  std::optional<std::string> unfinished;  // "edge/20261123T231700Z of 20261124T031500Z": a restore that was cut off
  Stage stage = Stage::claimed;           // of that one
  std::string owner;                      // process of one that is at work now; empty: none
  std::optional<OtherCluster> other;      // told by whoever looked into the database, as look() does not
};

/// What a rollback came to.
struct RollbackResult {
  std::string kept;    // directory on the node with what k3s had been started on; empty: it had not
  std::string stands;  // nothing was put back, as the restore had come to its end: what was there before is here
  Service service = Service::stopped;  // running: k3s was started again
};

/// How k3s is doing.
struct Pulse {
  Service service = Service::stopped;
  std::string holders;             // "1234 ": processes that have the database open
  std::string complaint;           // last error in its log; may be empty
  std::uint64_t failed_opens = 0;  // of what was placed, as it is no database, or a damaged one
};

class Node {
 public:
  /// Connects. Throws: what ssh::Session throws.
  explicit Node(Settings settings);

  /// Reads only. Throws: denied (no root shell), not_found (embedded etcd, external datastore, an agent).
  NodeState look();

  /// Throws: denied when sshd forwards nothing, as then the API could not be asked: better to know before anything is
  /// touched.
  void check_forwarding();

  /// Puts back what an earlier restore has moved that was cut off. Throws: storage, as the node says.
  RollbackResult recover();

  /// Lets what an earlier restore has placed that was cut off stand. Returns the directory with what was there before.
  /// Throws: storage, as the node says.
  std::string accept();

  /// From here on the node is ours: makes the work directory, and keeps it marked as in use while this lives. Where
  /// the claim was lost with its connection, each of what follows makes it again, and throws storage when somebody else
  /// has rolled back meanwhile.
  void claim(const ScriptFacts& facts);

  /// Sends the database and the token into the work directory; hashes are compared there.
  /// Throws: storage (no space, another hash), unreachable, timeout, cancelled.
  void send(const ScriptFacts& facts, const std::filesystem::path& database, const std::filesystem::path& token);

  /// Runs lines of node_script. Throws: storage with what the node says, unreachable, timeout, cancelled.
  void run(const ScriptFacts& facts, std::string_view step);

  /// Puts everything back, through a connection of its own. Throws: as above; then rollback_file() is still there.
  RollbackResult roll_back(const ScriptFacts& facts);

  /// What could not be flushed to disk since this was asked last, and why; empty: nothing.
  std::string take_unflushed() { return std::exchange(unflushed_, {}); }

  Pulse pulse(const ScriptFacts& facts);

  /// The admin's kubeconfig; empty when there is none yet.
  std::string kubeconfig(const ScriptFacts& facts);

 private:
  std::unique_ptr<ssh::Conversation> start(const std::string& script);
  ssh::Command root_shell();
  void be_connected();
  void connect_again();
  ssh::Session connect_patiently() const;
  void hold_claim(const std::string& script);
  void run_to_end(ssh::Conversation& shell);
  template <class Read>
  auto read(Read&& ask) -> decltype(ask());
  NodeState look_once();
  void read_settings(const k3s::Told& told, NodeState& state);
  void read_token(const k3s::Told& told, const k3s::Settings& settings, NodeState& state);
  std::string kubeconfig_once(const ScriptFacts& facts);

  Settings settings_;
  ssh::Session session_;
  std::optional<ScriptFacts> claimed_;
  std::optional<ssh::Session> claim_session_;
  std::unique_ptr<ssh::Conversation> claim_;  // empty while it is lost
  std::string unflushed_;
};

}  // namespace restorer
